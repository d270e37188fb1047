"""The README's table is what the final model's file says, and its picture is the report's."""

import json

import pytest
from pandocfilters import Image, Plain, Str

from cxr_helpers import paths
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.report import readme
from cxr_helpers.report.tree import Cell, Part
from cxr_helpers.tables import final_model


@pytest.fixture
def updated(workplace):
    """Return a function that updates a README of the given text, and returns what it then says."""
    names = ["auc", "accuracy", "sensitivity", "specificity", "ece"]
    test = {name: 0.9 + place / 100 for place, name in enumerate(names)} | {f"{name}_ci": [0.5, 0.99] for name in names}
    content = {"run_id": "some-run", "official_test": test, "external_auc": 0.77, "external_auc_ci": [0.6, 0.92]}
    content |= {"external": {"external_adult": {"n": 278, "n_normal": 12}}}
    paths.tables("full").mkdir(parents=True)
    (paths.tables("full") / final_model.FILE).write_text(json.dumps(content))

    def update(text, label=readme.PICTURE, document="thesis"):
        (workplace / "README.md").write_text(text)
        picture = Plain([Image(["", [], []], [Str("Curves")], ["figures/one.svg", ""])])
        figure = {"t": "Figure", "c": [[label, [], []], [None, [Plain([Str("Caption.")])]], [picture]]}
        part = Part("08_final_model", [Cell("chapter 08_final_model, cell 3", [figure])])
        readme.update(document, "full", [part], {"figures/one.svg": b"<svg/>"})
        return (workplace / "README.md").read_text()

    return update


def test_block_and_picture_are_written_and_the_rest_stays(updated, workplace):
    text = updated("# Title\n\n<!-- result -->\nold\n<!-- /result -->\n\nMore.\n")
    assert text.startswith("# Title\n\n<!-- result -->\n![Curves](reports/overview.svg)\n") and text.endswith("\n\nMore.\n")
    assert "| ROC AUC, official test images | 0.900 | 0.500 to 0.990 |" in text and "old" not in text
    assert "| ROC AUC, 278 adult images (12 normal; classes confounded) | 0.770 | 0.600 to 0.920 |" in text
    assert (workplace / "reports" / "overview.svg").read_bytes() == b"<svg/>"


def test_without_the_picture_nothing_changes(updated):
    assert updated("# Title\n", label="fig:other") == "# Title\n"
    assert updated("# Title\n", document="supplement") == "# Title\n"


def test_lost_marks_are_named(updated):
    with pytest.raises(CxrError, match="has no block between"):
        updated("# Title\n")


def test_the_committed_readme_says_what_the_committed_final_model_says():
    text = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.BLOCK.search(text)[0]
    alt = shown.partition("![")[2].partition("]")[0]
    assert shown == readme.block(alt) and (paths.ROOT / "reports" / "overview.svg").is_file()
