"""A panel of the web page in which a reader moves the operating point and the prevalence and reads what follows."""

from collections.abc import Mapping

import jinja2
import numpy as np
import pandas as pd

from cxr_helpers import experiments, paths, records
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import bootstrap, metrics
from cxr_helpers.tables import final_model, selection

DIGITS = 4  # of a score
RESAMPLES = 2000  # of patients, as for all other intervals
_SIDE = 200  # units of the curve's drawing
COUNTS, SHARES = ("tp", "fn", "fp", "tn"), ("sensitivity", "specificity", "ppv", "npv")


def front(profile: str) -> str:
    """Return the panel of the thesis' front page, which opens with the final model; empty before there is one."""
    final = final_model.chosen(profile)
    return panel(experiments_shown(profile, final_model.experiment(final, profile), final)) if final else ""


def experiments_shown(profile: str, first: str, run: records.Record) -> dict[str, tuple[pd.DataFrame, float]]:
    """Return, for `panel`, every experiment that scored the official test images: of each the run that is best on validation.

    `first` names the experiment that the panel opens with, by its `run`; the others are in the order of experiments.toml. The
    keys are the titles of the experiments.
    """
    found, known = {}, experiments.load(profile)
    for name in dict.fromkeys([first, *known]):
        made = records.of(name, profile) if records.recorded(known[name], profile) else []
        runs = [one for one in made if (one.config.protocol, one.config.data) == ("official", "kermany")]
        if runs and "scores" in runs[0].names and "label" not in runs[0].scores:  # a segmenter's images have other columns
            best = run if name == first else selection.best_on_validation(runs)
            found[known[name].title] = best.split("test"), selection.thresholds([best])[0]
    return found


def panel(shown: Mapping[str, tuple[pd.DataFrame, float]]) -> str:
    """Return the panel as HTML, with what holds for the first experiment at its operating point as long as no script runs.

    What needs the script is hidden until it runs, what it replaces is hidden then (`data-scripted`).

    Args:
        shown: name → (scores of one split: y_true and y_score, operating point).

    Raises:
        CxrError: there is no experiment, or one has images of one class only.
    """
    if not shown:
        raise CxrError("The operating-point panel needs an experiment; pass at least one.")
    models = {name: _model(name, scores, threshold) for name, (scores, threshold) in shown.items()}
    first, *_ = models
    scores, threshold = shown[first]
    prevalence = round(float(scores.y_true.mean()), 2)
    found = figures(scores, round(threshold, 3), prevalence)
    curve = " ".join(_place(figures(scores, at, 0.5)) for at in (np.inf, *np.unique(scores.y_score.round(DIGITS))[::-1]))
    words = {"threshold": threshold, "prevalence": prevalence, "figures": found, "curve": curve, "place": _place(found)}
    right = {"sensitivity": found["tp"], "specificity": found["tn"]}
    limits = {name: ends[:, right[name]] for name, ends in intervals(scores).items()}
    return filled("explorer.html.j2", models=models, first=first, side=_SIDE, limits=limits, **words)


def filled(template: str, **values: object) -> str:
    """Return a template of reports/template/ with its values, these escaped."""
    pages = jinja2.Environment(loader=jinja2.FileSystemLoader(paths.TEMPLATE), autoescape=True)
    pages.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return pages.get_template(template).render(**values)


def figures(scores: pd.DataFrame, threshold: float, prevalence: float) -> dict[str, float]:
    """Return counts and shares at a threshold: `COUNTS`, `SHARES`; PPV and NPV at `prevalence`, NaN where nothing is called so.

    Scores are rounded as in the panel, so that both count alike.
    """
    called = scores.y_score.round(DIGITS) >= threshold
    tp, fp = int((called & (scores.y_true == 1)).sum()), int((called & (scores.y_true == 0)).sum())
    fn, tn = int((scores.y_true == 1).sum()) - tp, int((scores.y_true == 0).sum()) - fp
    sensitivity, specificity = tp / (tp + fn), tn / (tn + fp)
    found, alarms = sensitivity * prevalence, (1 - specificity) * (1 - prevalence)
    cleared, missed = specificity * (1 - prevalence), (1 - sensitivity) * prevalence
    ppv = found / (found + alarms) if found + alarms else float("nan")
    npv = cleared / (cleared + missed) if cleared + missed else float("nan")
    return dict(zip((*COUNTS, *SHARES), (tp, fn, fp, tn, sensitivity, specificity, ppv, npv), strict=True))


def intervals(scores: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the 95 % limits over patients of sensitivity and specificity at each threshold, (2, 1 + images of the class) each.

    Column k holds those of a threshold at which k images of the class are called right, as `metrics.evaluate` has them.
    """
    frame, found = metrics.checked(scores), {}
    weights = bootstrap.usable_weights(tuple(frame.patient_id), tuple(frame.y_true), RESAMPLES, 0)
    for name, label, sign in (("sensitivity", 1, -1), ("specificity", 0, 1)):
        own = (frame.y_true == label).to_numpy()
        entering = weights[:, own][:, np.argsort(sign * frame.y_score[own], kind="stable")]
        shares = entering.cumsum(axis=1)[:, :-1] / entering.sum(axis=1, keepdims=True)
        none, every = (bootstrap.share_limits(share, frame.patient_id[own].nunique())[:, None] for share in (0, 1))
        found[name] = np.hstack([none, np.percentile(shares, bootstrap.PERCENTILES, axis=0), every])
    return found


def _place(found: dict[str, float]) -> str:
    """Return where figures lie in the drawing of the ROC curve, as "x,y"."""
    return f"{_SIDE * (1 - found['specificity']):.1f},{_SIDE * (1 - found['sensitivity']):.1f}"


def _model(name: str, scores: pd.DataFrame, threshold: float) -> dict:
    """Return a model for the script: the scores of either class in order, and the limits of either share.

    Each is given as steps from one to the next, scores in ten-thousandths, limits in thousandths.
    """
    parts = {kind: scores.y_score[scores.y_true == label] for kind, label in (("ill", 1), ("well", 0))}
    if any(part.empty for part in parts.values()):
        raise CxrError(f"The operating-point panel needs images of both classes; {name} has one only.")
    ranked = {kind: np.sort(np.rint(10**DIGITS * part)).astype(int) for kind, part in parts.items()}
    steps = {kind: np.diff(units, prepend=0).tolist() for kind, units in ranked.items()}
    limits = intervals(scores.assign(y_score=scores.y_score.round(DIGITS)))
    whole = {name: np.diff(np.rint(1000 * ends).astype(int), prepend=0).tolist() for name, ends in limits.items()}
    return steps | {"limits": whole, "threshold": round(threshold, 3)}
