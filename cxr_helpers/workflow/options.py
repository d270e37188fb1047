"""The option --profile of the commands of `cxr`."""

from typing import Annotated

import typer

from cxr_helpers.base import lazy

dataset = lazy.module("cxr_helpers.data.dataset")

_HELP = "full (real images), smoke (synthetic images) or auto"
AskedProfile = Annotated[str, typer.Option("--profile", help=_HELP)]  # as it was given
Profile = Annotated[
    str, typer.Option("--profile", help=_HELP, callback=lambda given: dataset.resolve_profile(given))
]  # "full" or "smoke"
