"""The PDF beside the ledger: every number of a part of the report is printed there as often as the ledger has it."""

import itertools
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from cxr_helpers.report import ledger, shown_numbers

PART = re.compile(r'<section id="(?:ch:([^"]+)|(abstract|introduction))"')
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u2060"))  # soft hyphens, and places where a line may or may not break
REFERENCES = "References"


def lacking(numbers: pd.DataFrame, page: str, pdf: Path) -> list[str]:
    """Return a sentence for each number that the PDF prints less often in a part of the report than the ledger has it there.

    `page` is the text of the web page, whose parts have the names and the order of the ledger's. A page of the PDF has
    numbers that the ledger lacks (of pages, sections, references), so that one printed more often is no difference.
    """
    parts = numbers.chapter.where(numbers.label != ledger.ABSTRACT, ledger.ABSTRACT)
    names = [chapter or other for chapter, other in PART.findall(page)]
    sentences = []
    for name, text in zip(names, _parts(pdf), strict=True):
        printed = Counter(_numbers(text))
        stored = Counter(number for shown in numbers.text[parts == name] for number in _numbers(shown))
        sentences += [
            f"{name}: the ledger has {number} {count} times, the PDF prints it {printed[number]} times."
            for number, count in stored.items()
            if printed[number] < count
        ]
    return sentences


def _numbers(text: str) -> list[str]:
    return [number.replace("-", "\u2212") for number in shown_numbers.NUMBER.findall(text.translate(INVISIBLE))]


def _parts(pdf: Path) -> list[str]:
    """Return the text of abstract, introduction, chapters and appendices; each begins on a page of its own."""
    from pypdf import PdfReader

    reader = PdfReader(pdf)
    found = [(entry.title, reader.get_destination_page_number(entry)) for entry in reader.outline if not isinstance(entry, list)]
    pages = itertools.pairwise([*found, ("", len(reader.pages))])
    return [
        "\n".join(sheet.extract_text() for sheet in reader.pages[begin:end])
        for (title, begin), (_, end) in pages
        if title != REFERENCES
    ]
