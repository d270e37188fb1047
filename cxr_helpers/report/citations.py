"""The bibliography: which keys it has, and how pandoc sets citations and references in the manner of the IEEE."""

import json

import pypandoc
from pandocfilters import Div, Header, Str

from cxr_helpers import paths

BIBLIOGRAPHY = paths.ROOT / "reports" / "references.bib"
STYLE = paths.TEMPLATE / "ieee.csl"
ARGUMENTS = ["--citeproc", f"--bibliography={BIBLIOGRAPHY}", f"--csl={STYLE}", "--metadata=link-citations:true"]


def keys() -> set[str]:
    """Return the keys that a chapter may cite."""
    entries = json.loads(pypandoc.convert_file(str(BIBLIOGRAPHY), "csljson", format="bibtex"))
    return {entry["id"] for entry in entries}


def references() -> list[dict]:
    """Return the heading of the references and the place where pandoc puts those that are cited."""
    return [Header(1, ["references", ["unnumbered"], []], [Str("References")]), Div(["refs", [], []], [])]
