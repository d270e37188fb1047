"""Kinds of experiment beside networks and their ensembles; each has `make(config, profile) -> Product`."""
