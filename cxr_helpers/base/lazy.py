"""The one way to import late: a heavy module is loaded when something in it is first used."""

import importlib
import sys
from types import ModuleType


def module(name: str) -> ModuleType:
    """Return a stand-in for the module `name` ("keras", "cxr_helpers.training.fitting") that imports it at first use.

    Python's own LazyLoader shows half a module where two threads use it first (before Python 3.12); this one waits.
    """
    return sys.modules.get(name) or _StandIn(name)


class _StandIn(ModuleType):
    """A module that takes everything from the one that it stands for; a module that is not there is an ImportError then."""

    @property
    def __dict__(self):
        return vars(importlib.import_module(self.__name__))

    def __getattr__(self, name: str):
        return getattr(importlib.import_module(self.__name__), name)

    def __setattr__(self, name: str, value):  # a test puts something in its place
        setattr(importlib.import_module(self.__name__), name, value)
