"""The commands, one module each; see mahnlauf/cli.py for how they are found."""
