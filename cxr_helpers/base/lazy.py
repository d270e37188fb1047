"""The one way to import late: a heavy module is loaded when something in it is first used."""

from types import ModuleType

import lazy_loader


def module(name: str) -> ModuleType:
    """Return a stand-in for the module `name` ("keras", "cxr_helpers.training.fitting") that imports it at first use."""
    return lazy_loader.load(name, suppress_warning=True)
