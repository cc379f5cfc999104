"""`python -m mahnlauf` is `mahnlauf`."""

from mahnlauf.cli import main

main()
