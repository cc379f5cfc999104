"""Peers that are no Python: what the benchmark builds of them."""
