"""What kind of shift lies between validation and test: each explanation as a correction of the final model's stored scores."""

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.statistics import label_shift, mixture
from cxr_helpers.records import Record
from cxr_helpers.tables import statistics
from cxr_helpers.training import rescoring

AS_IS, MIXTURE = "as it is", "two Gaussians"
LIMITS = (np.inf, 8.0, mixture.SUREST, 4.0)  # of log-odds, tried on corrupted validation images
_LABELS, _NO_LABELS = "the test images' labels", "test images without labels"
SHOWN = ("accuracy", "recall", "specificity", "ece", "bce")


def corrections(run: Record) -> pd.DataFrame:
    """Return one row per correction of the official test images' scores: what it uses, threshold, and the figures `SHOWN`.

    Where a correction keeps the order of images and is fitted to their labels, the threshold moves with the scores. Rows of
    batch normalisation stand where the record has them.
    """
    test, limit = run.split("test"), run.info["threshold"]
    rows = [_row(AS_IS, "nothing", test, limit)]
    for name, prevalence in priors(run).items():
        uses = _LABELS if name.startswith("true") else _NO_LABELS
        scores = label_shift.reweighed(test.y_score.to_numpy(), run.split("val").y_true.mean(), prevalence)
        rows.append(_row(f"{name}: {prevalence:.3f}", uses, test.assign(y_score=scores), limit))
    for name, offset in (("temperature", False), ("slope and intercept", True)):
        slope, moved = _fitted(test, offset)
        scores, own = (expit(slope * metrics.logits(np.asarray(each)) + moved) for each in (test.y_score, [limit]))
        what = f"{name}: {1 / slope:.2f}" if not offset else f"{name}: {slope:.2f}, {moved:+.2f}"
        rows.append(_row(what, _LABELS, test.assign(y_score=scores), float(own[0])))
    adapted = rescoring.stored(run, rescoring.ADAPTED)
    for name, part in adapted.groupby("method") if adapted is not None else ():
        scores = part.set_index("image_id").y_score.loc[test.image_id].to_numpy()
        rows.append(_row(name, _NO_LABELS, test.assign(y_score=scores), limit))
    found = mixture.adapt(test.y_score.to_numpy(), limit)
    what = f"{MIXTURE}{f' (refused: {found.refused})' if found.refused else ''}"
    rows.append(_row(what, _NO_LABELS, test.assign(y_score=found.y_score), limit if found.refused else 0.5))
    return pd.DataFrame(rows)


def priors(run: Record) -> dict[str, float]:
    """Return the prevalence of the test images: as two methods estimate it without their labels, and the true one."""
    val, test, limit = run.split("val"), run.split("test"), run.info["threshold"]
    there = metrics.points(val, limit)
    by_confusion = label_shift.by_confusion((test.y_score >= limit).to_numpy(), there.recall, there.specificity)
    by_em = label_shift.by_em(test.y_score.to_numpy(), val.y_true.mean())
    return {"prevalence by EM": by_em, "prevalence by BBSE": by_confusion, "true prevalence": test.y_true.mean()}


def normals(run: Record) -> pd.DataFrame:
    """Return mean score and mean log-odds of each class on validation and on the official test images."""
    parts = run.scores[run.scores.split.isin(["val", "test"])].assign(logit=lambda t: metrics.logits(t.y_score.to_numpy()))
    grouped = parts.groupby(["y_true", "split"], sort=True)
    table = grouped.agg(images=("image_id", "size"), score=("y_score", "mean"), log_odds=("logit", "mean")).reset_index()
    table["class"] = table.y_true.map({0: "NORMAL", 1: "PNEUMONIA"})
    named = table.rename(columns={"split": "images of", "score": "mean score", "log_odds": "mean log-odds"})
    return named[["class", "images of", "images", "mean score", "mean log-odds"]]


def mixtures(parts: dict[str, pd.DataFrame], threshold: float) -> pd.DataFrame:
    """Return one row per set of scores: accuracy and ECE as they are and by the mixture, or why it is refused."""
    rows = []
    for name, scores in parts.items():
        found, before = mixture.adapt(scores.y_score.to_numpy(), threshold), metrics.points(scores, threshold)
        row = {"images": name, "n": len(scores), "SD apart": (found.high - found.low) / found.spread}
        after = metrics.points(scores.assign(y_score=found.y_score), threshold if found.refused else 0.5)
        for key in ("accuracy", "specificity", "ece"):
            title = metrics.TITLES[key]
            row |= {f"{title}, {AS_IS}": before[key], f"{title}, mixture": np.nan if found.refused else after[key]}
        rows.append(row | {"refused because": found.refused})
    return statistics.shown_as(rows, {"n": 0, "SD apart": 1})


def rules(corrupted: dict[str, pd.DataFrame], test: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Return one row per limit of the log-odds of a mixture: means over corruptions, and test beside them."""
    rows = []
    for limit in LIMITS:
        row = {"log-odds held within": f"± {limit:g}" if np.isfinite(limit) else "no limit"}
        for where, parts in (("corrupted validation", corrupted.values()), ("test", [test])):
            adapted = [part.assign(y_score=mixture.adapt(part.y_score.to_numpy(), threshold, limit).y_score) for part in parts]
            found = pd.concat([metrics.points(part, 0.5) for part in adapted], axis=1).mean(axis=1)
            row |= {f"{metrics.TITLES[key]}, {where}": found[key] for key in ("accuracy", "ece", "bce")}
        rows.append(row)
    return pd.DataFrame(rows)


def _row(name: str, uses: str, scores: pd.DataFrame, threshold: float) -> dict:
    found, row = metrics.evaluate(scores, threshold), {"correction": name, "uses": uses, "threshold": threshold}
    for key in SHOWN:
        row |= statistics.columns(metrics.TITLES[key], found.loc[key])
    return row


def _fitted(scores: pd.DataFrame, offset: bool) -> tuple[float, float]:
    """Return slope and intercept (0 without `offset`) of the log-odds that fit the labels best (Platt 1999)."""
    log_odds = metrics.logits(scores.y_score.to_numpy())[:, None]
    found = LogisticRegression(C=np.inf, fit_intercept=offset).fit(log_odds, scores.y_true)
    return float(found.coef_.item()), float(found.intercept_[0]) if offset else 0.0
