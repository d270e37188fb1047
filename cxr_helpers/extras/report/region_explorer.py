"""A panel of the web page: what a network sees of a radiograph, in which band of widths, and how well it tells the classes."""

import base64
from collections.abc import Mapping

import cv2
import numpy as np
import pandas as pd

from cxr_helpers.base import lazy, stored_results
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.report import explorer

regions = lazy.module("cxr_helpers.extras.inference.regions")

VIEWS = {"whole": "whole image", "lungs only": "lungs only", "background": "all but the lungs", "box": "box of the lungs"}
NETWORK = "mobilenetv2"
SIDE = 200  # pixels of an example
QUARTERS = (0.25, 0.75)  # of the widths of a class, at which its examples are taken


def front(profile: str) -> str:
    """Return the panel of the thesis' front page; empty where the regions were not measured, or the images are not at hand."""
    if stored_results.measurement("regions", profile, missing_ok=True) is None:
        return ""
    repeats = stored_results.measurement("regions", profile, part="_repeats.csv.gz")
    chosen = list(official(repeats)[0].loc[examples, "image_id"])
    return panel(repeats, dict(zip(chosen, packing.images(profile, chosen), strict=True)))


def official(repeats: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """Return the official test images (image_id, y_true, width and a score 0..1 a view), and each view's operating point.

    `repeats` are those of the measurement "regions"; an operating point is Youden's of the validation images. Scores and points
    are rounded as in the panel, so that page and program count alike.
    """
    own = repeats[(repeats.model == NETWORK) & (repeats.protocol == "official")].dropna(subset=["width"])
    own = own.round(dict.fromkeys(VIEWS, explorer.DIGITS))
    val, test = (own[own.split == split].reset_index(drop=True) for split in ("val", "test"))
    limits = {view: round(metrics.operating_point(val.assign(y_score=val[view])), explorer.DIGITS) for view in VIEWS}
    return test, limits


def figures(test: pd.DataFrame, view: str, limit: float, band: tuple[float, float]) -> dict[str, float]:
    """Return AUC and specificity of a view on the images as wide as the band (pixels, with its ends); NaN where undefined."""
    part = test[test.width.between(*band)]
    normal = part[part.y_true == 0]
    both = part.y_true.nunique() == 2
    auc = metrics.points(part.assign(y_score=part[view]), limit).roc_auc if both else float("nan")
    return {"auc": auc, "specificity": float((normal[view] < limit).mean()) if len(normal) else float("nan")}


def examples(test: pd.DataFrame) -> list[int]:
    """Return the rows of four test images: of either class those whose widths are nearest to its first and last quarter."""
    rows = []
    for _, part in test.groupby("y_true"):
        rows += [int((part.width - part.width.quantile(share)).abs().idxmin()) for share in QUARTERS]
    return rows


def views(image: np.ndarray) -> dict[str, str]:
    """Return what each view shows of an image uint8 (H, W), by the published segmenter's mask, as data URIs."""
    cuts = {"lungs only": regions.LUNGS_ONLY, "background": regions.BACKGROUND, "box": regions.BOX}
    found = {"whole": image} | {name: cut.of(image[None])[0] for name, cut in cuts.items()}
    return {name: _uri(cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)) for name, part in found.items()}


def _uri(image: np.ndarray) -> str:
    return f"data:image/webp;base64,{base64.b64encode(cv2.imencode('.webp', image, [cv2.IMWRITE_WEBP_QUALITY, 70])[1]).decode()}"


def panel(repeats: pd.DataFrame, shown: Mapping[str, np.ndarray]) -> str:
    """Return the panel as HTML, with what holds for all widths as long as no script runs.

    Args:
        repeats: as for `official`.
        shown: image_id → pixels uint8 (H, W) of `examples`.

    Raises:
        CxrError: there are no test images of both classes.
    """
    test, limits = official(repeats)
    if test.y_true.nunique() != 2:
        raise CxrError("The panel of regions needs test images of both classes; run `cxr measure regions` on the whole set.")
    band = (int(test.width.min()), int(test.width.max()))
    found = {view: figures(test, view, limits[view], band) for view in VIEWS}
    rows = [[int(row.width), int(row.y_true), *(row[view] for view in VIEWS)] for _, row in test.iterrows()]
    pictures = []
    for image_id, pixels in shown.items():
        row = test[test.image_id == image_id].iloc[0]
        scores = {view: float(row[view]) for view in VIEWS}
        about = {"label": "PNEUMONIA" if row.y_true else "NORMAL", "width": int(row.width), "scores": scores}
        pictures.append(about | {"views": views(pixels)})
    words = {"images": rows, "limits": list(limits.values()), "views": VIEWS, "found": found, "band": band}
    counts = {"well": int((test.y_true == 0).sum()), "ill": int(test.y_true.sum())}
    return explorer.filled("regions.html.j2", **words, **counts, pictures=pictures)
