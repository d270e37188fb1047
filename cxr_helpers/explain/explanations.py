"""Explanations of a run's images, stored beside its record: Grad-CAM and SHAP on the same right and wrong answers."""

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from cxr_helpers.base.files import atomic_path, read_arrays
from cxr_helpers.data import packing
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import operating_point
from cxr_helpers.records import Record
from cxr_helpers.tables import results
from cxr_helpers.training import saved

FILE = "explanations.npz"
OUTCOMES = {(1, 1): "true positive", (0, 1): "false positive", (1, 0): "false negative", (0, 0): "true negative"}
RULE = "of each outcome at the operating point, the {most} most and the {least} least confident test images"


@dataclasses.dataclass(frozen=True)
class Explanations:
    """The explained images of one run, n of them, at the size the model saw.

    `answers`: one row an image (image_id, y_true, y_score, label, predicted, confidence, outcome, ...). `images`: uint8
    (n, H, W). `gradcam`: float32 (n, H, W) in [0, 1], for the predicted class, zero everywhere where nothing speaks
    for it. `shap`: float32 (n, H, W), log-odds per pixel, positive for PNEUMONIA. `about`: run_id, threshold, rule,
    gradcam_layer, shap_method, shap_passes (through the model, an image), seconds.
    """

    answers: pd.DataFrame
    images: np.ndarray
    gradcam: np.ndarray
    shap: np.ndarray
    about: dict

    @property
    def shap_limit(self) -> float:
        """Return the end of the SHAP colour scale, the same for all images: the 99th percentile of |value|."""
        return float(np.percentile(np.abs(self.shap), 99))

    @property
    def table(self) -> pd.DataFrame:
        """Return one row an image, as a reader wants it: outcome, true and predicted label, confidence, P(PNEUMONIA)."""
        names = {
            "image_id": "image",
            "outcome": "outcome",
            "label": "true label",
            "predicted": "predicted label",
            "confidence": "confidence",
            "y_score": "P(PNEUMONIA)",
        }
        return self.answers[list(names)].rename(columns=names)

    @property
    def titles(self) -> list[str]:
        """Return what stands beside each image: true label, predicted label, confidence, and whether its map is blank."""
        notes = ["" if heat.any() else "\nGrad-CAM: blank map" for heat in self.gradcam]
        return [
            f"true {row.label}\npredicted {row.predicted}\nconfidence {row.confidence:.3f}{note}"
            for row, note in zip(self.answers.itertuples(), notes, strict=True)
        ]


def choose(answered: pd.DataFrame, per_outcome: int = 2) -> pd.DataFrame:
    """Return the images to explain: rows of `results.answers`, by a rule that looks at scores only.

    Of each outcome it takes the most confident half of `per_outcome` (rounded up), then the least confident ones;
    ties go by image_id. An outcome with fewer images gives all it has.
    """
    chosen = []
    for outcome in OUTCOMES.values():
        images = answered[_outcomes(answered) == outcome]
        images = images.sort_values(["confidence", "image_id"], ascending=[False, True])
        if len(images) > per_outcome:
            images = pd.concat([images.head(-(-per_outcome // 2)), images.tail(per_outcome // 2)])
        chosen.append(images)
    return pd.concat(chosen, ignore_index=True)


def _outcomes(answered: pd.DataFrame) -> np.ndarray:
    return np.array([OUTCOMES[pair] for pair in zip(answered.y_true, answered.y_predicted, strict=True)], str)


def build(record: Record, profile: str, per_outcome: int = 2) -> Explanations:
    """Explain a run's test images with Grad-CAM (predicted class) and SHAP (partition, for PNEUMONIA), and store it all.

    Needs the run's saved model and validation and test scores. The file lies in the record's folder.
    """
    from cxr_helpers.explain import gradcam, shap_maps, targets  # with Keras and SHAP, which reading does not need

    started = time.perf_counter()
    threshold = float(operating_point.choose(record.split("val")))
    chosen = choose(results.answers(record, threshold), per_outcome)
    if chosen.empty:
        raise CxrError(f"Run {record.run_id} has no test scores to choose images from; explain a run with a test split.")
    images = packing.images(profile, chosen.image_id, record.config.size, record.config.variant)
    model = saved.model(record, profile, images, chosen.y_score.to_numpy())
    heat = gradcam.gradcam(model, images, targets.predicted(chosen.y_score, threshold))
    values = shap_maps.partition(model, images, targets.PNEUMONIA)
    about = {
        "run_id": record.run_id,
        "threshold": threshold,
        "rule": RULE.format(most=-(-per_outcome // 2), least=per_outcome // 2),
        "gradcam_layer": gradcam.explained_layer(model),
        "shap_method": "partition",
        "shap_passes": shap_maps.EVALUATIONS,
        "seconds": round(time.perf_counter() - started, 1),
    }
    shown = Explanations(chosen.assign(outcome=_outcomes(chosen)), images, heat, values, about)
    _store(shown, record.folder / FILE)
    return shown


def load(record: Record) -> Explanations:
    """Return the stored explanations of a run; where they are missing or another run's, a CxrError names the command."""
    path = record.folder / FILE
    command = f"`cxr train {saved.system(record)} --retrain` makes them anew"
    if not path.is_file():
        raise CxrError(f"Run {record.run_id} has no stored explanations; {command}.")
    names = ("image_id", "films", "gradcam", "shap", "scale", "about")
    image_id, images, heat, values, scale, about = read_arrays(path, names, command)
    about = json.loads(str(about))
    if about.get("run_id") != record.run_id:
        raise CxrError(f"{path} holds the explanations of run {about.get('run_id')}; {command}.")
    chosen = results.answers(record, about["threshold"]).set_index("image_id").loc[image_id].reset_index()
    chosen = chosen.assign(outcome=_outcomes(chosen))
    return Explanations(chosen, images, heat.astype("float32"), values.astype("float32") * scale, about)


def of(record: Record, profile: str) -> Explanations:
    """Return a run's explanations: the stored ones, or where there are none, new ones from its saved model."""
    return load(record) if (record.folder / FILE).is_file() else build(record, profile)


def agreement(shown: Explanations) -> pd.DataFrame:
    """Return, by outcome, how far Grad-CAM and SHAP agree: means over its images, NaN where every map is blank.

    Columns: outcome; images; rank correlation (Spearman, over pixels) of Grad-CAM and the SHAP values for the predicted
    class; share of Grad-CAM and of |SHAP| in the outer tenth of the image, beside the share of the area that it covers.
    """
    rows = []
    for heat, values, y_predicted in zip(shown.gradcam, shown.shap, shown.answers.y_predicted, strict=True):
        signed = values if y_predicted else -values
        varies = np.ptp(heat) > 0 and np.ptp(values) > 0
        correlation = stats.spearmanr(heat.ravel(), signed.ravel()).statistic if varies else np.nan
        shares = _border_share(heat), _border_share(np.abs(values)), _border_share(np.ones_like(heat))
        rows.append((correlation, *shares))
    columns = ["rank correlation", "Grad-CAM in the border", "SHAP in the border", "border's area"]
    table = pd.DataFrame(rows, columns=columns).assign(outcome=shown.answers.outcome, images=1)
    means = table.groupby("outcome", sort=False).agg({"images": "sum"} | dict.fromkeys(columns, "mean"))
    return means.reset_index()


def _border_share(weights: np.ndarray) -> float:
    """Return the share of non-negative weights (H, W) that lies in the outer tenth at each side; NaN if all are 0."""
    height, width = (max(1, side // 10) for side in weights.shape)
    total = weights.sum()
    return float(1 - weights[height:-height, width:-width].sum() / total) if total > 0 else np.nan


def _store(shown: Explanations, path: Path) -> None:
    """Write the arrays compressed, maps as float16; SHAP values are scaled first, since they are tiny."""
    scale = np.float32(max(np.abs(shown.shap).max(), np.finfo("float32").tiny))
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez_compressed(
            handle,
            image_id=shown.answers.image_id.to_numpy(str),
            films=shown.images,
            gradcam=shown.gradcam.astype("float16"),
            shap=(shown.shap / scale).astype("float16"),
            scale=scale,
            about=json.dumps(shown.about),
        )
