"""What the README shows of the results: one picture and one table, written when the real report is rendered."""

import json
import re

from cxr_helpers import paths
from cxr_helpers.base.files import atomic_write
from cxr_helpers.errors import CxrError
from cxr_helpers.report import tree
from cxr_helpers.report.tree import Part
from cxr_helpers.tables import final_model

PICTURE = "fig:main"
BLOCK = re.compile(r"<!-- result -->\n.*?<!-- /result -->", re.DOTALL)
_TITLES = {"auc": "ROC AUC", "accuracy": "accuracy", "sensitivity": "sensitivity", "specificity": "specificity", "ece": "ECE"}


def update(document: str, profile: str, parts: list[Part], figures: dict[str, bytes]) -> None:
    """Write the picture beside the real thesis and the block into the README, where there is one.

    Raises:
        CxrError: the README has lost the block's marks.
    """
    readme = paths.ROOT / "README.md"
    shown = [block for part in parts for block in part.blocks if tree.label(block) == PICTURE]
    if (document, profile) != ("thesis", "full") or not readme.is_file() or not shown:
        return
    text = readme.read_text(encoding="utf-8")
    if not BLOCK.search(text):
        raise CxrError(f"{readme} has no block between <!-- result --> and <!-- /result -->; put the two lines back.")
    alt, path = tree.image(shown[0])
    atomic_write(paths.ROOT / "reports" / "overview.svg", figures[path])
    atomic_write(readme, BLOCK.sub(lambda _: block(alt), text))


def block(alt: str) -> str:
    """Return the block of the README: the picture with its alternative text, and the final model's figures."""
    found = json.loads((paths.tables("full") / final_model.FILE).read_text(encoding="utf-8"))
    test = found["official_test"]
    rows = [(f"{title}, official test images", test[name], test[f"{name}_ci"]) for name, title in _TITLES.items()]
    if found["external_auc"] is not None:
        counted = found["external"]["external_adult"]
        title = f"ROC AUC, {counted['n']} adult images ({counted['n_normal']} normal; classes confounded)"
        rows.append((title, found["external_auc"], found["external_auc_ci"]))
    table = "\n".join(f"| {title} | {value:.3f} | {low:.3f} to {high:.3f} |" for title, value, (low, high) in rows)
    return f"""<!-- result -->
![{alt}](reports/overview.svg)

| final model | value | 95 % interval |
|---|---|---|
{table}
<!-- /result -->"""
