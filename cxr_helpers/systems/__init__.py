"""How each kind of system is made.

The modules that `training.MAKERS` names have `make(config, profile) -> Product`; the others are their parts.
"""
