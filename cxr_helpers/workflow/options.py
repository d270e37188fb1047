"""What commands of `cxr` take: a profile, parameters of a chapter."""

import ast
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from cxr_helpers.base import lazy
from cxr_helpers.errors import CxrError

dataset = lazy.module("cxr_helpers.data.dataset")


_HELP = "full (real images), smoke (synthetic images) or auto"
AskedProfile = Annotated[str, typer.Option("--profile", help=_HELP)]  # as it was given
Profile = Annotated[
    str, typer.Option("--profile", help=_HELP, callback=lambda given: dataset.resolve_profile(given))
]  # "full" or "smoke"


def parameters(words: Iterable[str]) -> tuple[list[str], dict[str, Any]]:
    """Return the words that stand alone, and what `-p NAME VALUE` sets: a value is a Python literal, else text.

    A -p without two words behind it is a CxrError.
    """
    words, alone, found = iter(words), [], {}
    for word in words:
        if word != "-p":
            alone.append(word)
            continue
        name, value = next(words, None), next(words, None)
        if value is None:
            raise CxrError("-p takes a parameter's name and its value, as `-p epochs 3`.")
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found[name] = value
    return alone, found
