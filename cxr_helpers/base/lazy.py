"""The one way to import late: a heavy module is loaded when something in it is first used."""

import importlib.util
import sys
from types import ModuleType

import lazy_loader


def module(name: str) -> ModuleType:
    """Return a stand-in for the module `name` ("keras", "cxr_helpers.training.fitting") that imports it at first use."""
    if name not in sys.modules and importlib.util.find_spec(name) is None:  # of a backend that Keras does not use here
        return ModuleType(name)  # lazy_loader would walk the stack, which loads every stand-in that there is
    found = lazy_loader.load(name, suppress_warning=True)
    parent, _, child = name.rpartition(".")
    if parent in sys.modules and not hasattr(sys.modules[parent], child):  # an import would have set it
        setattr(sys.modules[parent], child, found)
    return found
