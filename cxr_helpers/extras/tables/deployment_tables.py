"""Tables of the chapter on deployment: exports, what compression costs, the deployed model; the comparisons have a file apart."""

import pandas as pd

from cxr_helpers.base import stored_results
from cxr_helpers.extras.benchmarks import compression, export_measurements, measurements
from cxr_helpers.extras.inference import backends, deployed_networks
from cxr_helpers.extras.inference.artefact import Card

_NONE = "–"
# The project's goals, fixed before any was measured.
GOALS = {"size (MB)": (3.0, "≤"), "times faster than the thesis' VGG-16 in Keras": (25.0, "≥"), "loss in AUC": (0.002, "≤")}


def measured(name: str, profile: str) -> pd.DataFrame | None:
    """Return the figures of a measurement; in the smoke profile it is made if it is absent, else None says that it is."""
    if profile == "smoke":
        return measurements.load_or_measure(name, profile)
    return stored_results.measurement(name, profile, missing_ok=True)


def exported(costs: pd.DataFrame, aucs: pd.DataFrame | None) -> pd.DataFrame:
    """Return one row per network, engine and precision: what it costs, AUC by split and its difference to Keras in float32.

    `costs` and `aucs` are the figures of the measurements deployment and compression.
    """
    rows = []
    found = _by_key(aucs)
    for _, row in export_measurements.by_export(costs).iterrows():
        key = (row.network, row.engine, row.precision)
        shown = {"network": row.network, "engine": backends.TITLES[row.engine], "precision": row.precision}
        shown |= {"MB": f"{row[export_measurements.BYTES] / 1e6:.2f}", "parameters (10⁶)": f"{row[export_measurements.PARAMETERS] / 1e6:.2f}"}
        shown |= {"multiply-adds (10⁶)": f"{row[export_measurements.OPERATIONS] / 1e6:,.0f}"}
        shown |= {"ms, one image": f"{row[export_measurements.LATENCY]:.1f}", "95th percentile": f"{row[export_measurements.TAIL]:.1f}"}
        shown |= {"images/s, 32 at once": f"{row[export_measurements.RATE]:.0f}", "memory (MB)": f"{row[export_measurements.MEMORY]:.0f}"}
        rows.append(shown | _aucs(found, key))
    return pd.DataFrame(rows)


def absent(costs: pd.DataFrame) -> str:
    """Return in words the exports that one network lacks and another has; "" where there is none."""
    table = export_measurements.by_export(costs)
    made = set(table[export_measurements.KEYS].itertuples(index=False, name=None))
    ways = table[["engine", "precision"]].drop_duplicates().itertuples(index=False, name=None)
    missing = [(name, *way) for way in ways for name in table.network.unique() if (name, *way) not in made]
    named = ", ".join(f"{name} on {backends.TITLES[engine]} in {precision}" for name, engine, precision in missing)
    return f" Missing, because the export could not be made or did not run there: {named}." if missing else ""


def pruned(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per share of zeros, as cut and trained further: compressed megabytes, AUC by split, and differences."""
    found, rows = _by_key(aucs), []
    sizes = aucs[aucs.figure.str.startswith("bytes|")]
    sizes = {float(figure.rpartition("|")[2]): value / 1e6 for figure, value in zip(sizes.figure, sizes.value, strict=True)}
    for key in found:
        network, engine, precision = key
        if "zero" not in precision:
            continue
        share = float(precision.split(", ")[1].split()[0]) / 100
        row = {"network": network, "zero weights": f"{share:.0%}", "trained further": "yes" if "tuned" in precision else "no"}
        rows.append(row | {"MB, compressed": f"{sizes[share]:.2f}"} | _aucs(found, key))
    return pd.DataFrame(rows)


def pruning_curve(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return the AUC by share of zeros, the whole network as share 0: share, tuned, split, value, ci_low, ci_high."""
    table = compression.by_column(aucs)
    table = table[table.kind.str.startswith("AUC")].assign(split=lambda t: t.kind.str.rpartition(", ")[2])
    zero = table.precision.str.contains("zero")
    whole = table[~zero & table.network.isin(table[zero].network) & (table.engine == backends.KERAS)]
    share = table.precision[zero].str.extract(r"(\d+) %")[0].astype(float) / 100
    cut = table[zero].assign(share=share, tuned=table.precision.str.contains("tuned"))
    return pd.concat([whole.assign(share=0.0, tuned=False), cut])[["share", "tuned", "split", "value", "ci_low", "ci_high"]]


def heads(aucs: pd.DataFrame) -> pd.DataFrame:
    """Return AUC and differences of a logistic head on frozen features by the precision in which they were computed."""
    found = _by_key(aucs)
    keys = [key for key in found if key[0] == compression.HEADS]
    rows = [
        {"features": precision, "engine": backends.TITLES[engine]} | _aucs(found, key)
        for key in keys
        for _, engine, precision in [key]
    ]
    return pd.DataFrame(rows)


def pareto(costs: pd.DataFrame, aucs: pd.DataFrame, split: str = "val") -> pd.DataFrame:
    """Return network, engine, precision, ms, bytes, AUC (value, ci_low, ci_high) of every export whose AUC was measured."""
    found, rows = _by_key(aucs), []
    for _, row in export_measurements.by_export(costs).iterrows():
        figures = found.get((row.network, row.engine, row.precision), {})
        if f"AUC, {split}" in figures:
            shown = {"network": row.network, "engine": row.engine, "precision": row.precision}
            rows.append(shown | {"ms": row[export_measurements.LATENCY], "bytes": row[export_measurements.BYTES]} | dict(figures[f"AUC, {split}"]))
    return pd.DataFrame(rows)


def goals(card: Card, profile: str) -> pd.DataFrame:
    """Return one row per goal of the deployed model: goal, value, verdict; what was not timed is said to be missing."""
    latency = stored_results.benchmark("deploy_latency", profile, missing_ok=True)
    ratio = latency["ratio_median"] if latency and latency["deployed_sha256"] == card.sha256 else None
    loss = {split: [-value for value in card.metrics[split]["difference_to_float32"]] for split in ("val", "test")}
    joined = {split: [-value for value in card.metrics[split]["difference_to_final_model"]] for split in ("val", "test")}
    rows = [_goal("size (MB)", "size (MB)", card.bytes / 1e6, f"{card.bytes / 1e6:.2f}")]
    key = "times faster than the thesis' VGG-16 in Keras"
    rows.append(_goal(key, key, ratio, f"{ratio:.0f}" if ratio else "not timed yet: `cxr bench deploy_latency`"))
    for against, found in (("the same network in float32", loss), ("the final model in float32", joined)):
        for split, words in (("val", "validation"), ("test", "official test")):
            value, high, low = found[split]
            rows.append(
                _goal("loss in AUC", f"loss in AUC, {words}, against {against}", value, f"{value:.4f} ({low:.4f} to {high:.4f})")
            )
    return pd.DataFrame(rows)


def _goal(key: str, title: str, value: float | None, shown: str) -> dict[str, str]:
    goal, sign = GOALS[key]
    if value is None:
        verdict = "open"
    else:
        met = value <= goal if sign == "≤" else value >= goal
        verdict = "met" if met else f"missed by {abs(value - goal):.2g}"
    return {"figure": title, "goal": f"{sign} {goal:g}", "value (95 % CI)": shown, "verdict": verdict}


def claims(costs: pd.DataFrame, card: Card | None, aucs: pd.DataFrame | None) -> pd.DataFrame:
    """Return Kilaru's and the thesis' claims on size and speed beside what was measured, with a verdict.

    That on compression is judged by the deployed file; other engines on which networks lose are named beside it.
    """
    table = export_measurements.by_export(costs).set_index(export_measurements.KEYS)
    rows = []

    def cell(network: str, quantity: str) -> float | None:
        key = (network, backends.KERAS, "float32")
        return table[quantity].get(key)

    light = cell("MobileNetV2", export_measurements.BYTES)
    if light is not None:
        fits = "smaller still" if light / 1e6 < 14 else "not reached"
        rows.append(
            {"claim": "Kilaru: the model has 14 MB", "measured": f"{light / 1e6:.1f} MB as a Keras file", "verdict": fits}
        )
    for heavy in ("VGG-16", "ResNet-50"):
        both = cell("MobileNetV2", export_measurements.LATENCY), cell(heavy, export_measurements.LATENCY)
        if None not in both:
            saved = 1 - both[0] / both[1]
            rows.append(
                {
                    "claim": f"Kilaru: inference 60 % faster than heavier networks ({heavy}), read as 60 % less time",
                    "measured": f"{saved:.0%} less time for one image, both in Keras",
                    "verdict": f"{'holds' if saved >= 0.6 else 'does not hold'} on this machine",
                }
            )
    if card is not None:
        value, low, high = card.metrics["test"]["difference_to_float32"]
        holds = "holds" if low >= -GOALS["loss in AUC"][0] else "open" if value >= -GOALS["loss in AUC"][0] else "does not hold"
        rows.append(
            {
                "claim": "thesis: quantisation shrinks a network without a significant sacrifice of accuracy",
                "measured": f"AUC on official test images {value:+.4f} ({low:+.4f} to {high:+.4f}) at {card.bytes / 1e6:.2f} MB",
                "verdict": f"{holds} for the deployed file, on {backends.TITLES[card.engine]}{_losing(aucs)}",
            }
        )
    return pd.DataFrame(rows)


def _losing(aucs: pd.DataFrame | None) -> str:
    """Return in words on which engines networks in int8 lose AUC on the test images, the whole interval below zero."""
    if aucs is None:
        return ""
    table = compression.by_column(aucs)
    lost = table[(table.precision == "int8") & (table.kind == "difference, test") & (table.ci_high < 0)]
    parts = [
        f"{backends.TITLES[engine]} ({', '.join(f'{row.network} {row.value:+.4f}' for row in part.itertuples())})"
        for engine, part in lost.groupby("engine", sort=False)
    ]
    return f"; does not hold on {' and '.join(parts)}" if parts else ""


def front_sentence(front: pd.DataFrame) -> str:
    """Return in words the exports that no other beats in time, bytes and AUC at once."""

    def beaten(row) -> bool:
        others = front[(front.ms <= row.ms) & (front.bytes <= row.bytes) & (front.value >= row.value)]
        return bool(((others.ms < row.ms) | (others.bytes < row.bytes) | (others.value > row.value)).any())

    best = front[[not beaten(row) for _, row in front.iterrows()]].sort_values("ms")
    each = [
        f"{row.network} in {row.precision} on {backends.TITLES[row.engine]} "
        f"({row.ms:.1f} ms, {row.bytes / 1e6:.2f} MB, {row.value:.4f})"
        for _, row in best.iterrows()
    ]
    return f"No other export is quicker, smaller and better at once than: {'; '.join(each)}."


def pruning_sentence(aucs: pd.DataFrame) -> str:
    """Return in words up to which share of zeros the validation AUC stays within the goal, as cut and trained further."""
    curve, limit = pruning_curve(aucs), GOALS["loss in AUC"][0]
    val = curve[curve.split == "val"].sort_values("share")
    tuned = val.tuned.astype(bool)
    whole = val.value[val.share == 0].iloc[0]
    parts = []
    for words, part in (("as cut", val[~tuned]), ("trained further", val[tuned])):
        lost = whole - part.value
        held = part.share[(lost > limit).cumsum() == 0].max()
        if len(part):
            reach = f"up to {held:.0%} of zeros" if held > 0 else "at no share that was tried"
            parts.append(f"{words} it stays within {limit:g} of the whole network's {reach}, and loses {lost.max():.3f} at most")
    return f"The AUC on validation images: {'; '.join(parts)}.{_worsened(val[~tuned], val[tuned])}"


def _worsened(cut: pd.DataFrame, tuned: pd.DataFrame) -> str:
    """Return sentences on the shares at which training further leaves a lower AUC than the cut, and on AUCs below one half."""
    both = cut.merge(tuned, on="share", suffixes=("", "_tuned"))
    worse, turned = both[both.value_tuned < both.value], both[both[["ci_high", "ci_high_tuned"]].min(axis=1) < 0.5]
    words = ""
    if len(worse):
        named = ", ".join(f"{row.share:.0%} ({row.value:.3f} to {row.value_tuned:.3f})" for row in worse.itertuples())
        words += (
            f" At {named} of zeros training further leaves a lower AUC than the cut: one epoch at one learning rate does not "
            "mend such a network. Its cause was not pursued, nor was a longer training tried."
        )
    if len(turned):
        shares = ", ".join(f"{share:.0%}" for share in turned.share)
        words += f" An AUC whose interval lies below one half, as at {shares}, orders images the wrong way: the network is broken."
    return words


def reading(card: Card | None, profile: str) -> str:
    """Return in words what was reached and what was not."""
    if card is None:
        return "Nothing is deployed yet."
    table = goals(card, profile)
    missed = table.figure[table.verdict.str.startswith("missed")]
    first = (
        f"The deployed file has {card.bytes / 1e6:.2f} MB, temperature {card.temperature:.3f} and threshold {card.threshold:.4f}."
    )
    gap, low, high = card.metrics["test"]["difference_to_final_model"]
    second = (
        f"Its AUC on the official test images differs from the final model's by {gap:+.4f} (95 % CI {low:+.4f} to {high:+.4f})."
    )
    third = f"Missed: {'; '.join(missed)}." if len(missed) else "None of the deployed file's goals that were measured is missed."
    return f"{first} {second} {third}"


def _by_key(aucs: pd.DataFrame | None) -> dict[tuple, dict[str, pd.Series]]:
    if aucs is None:
        return {}
    found: dict[tuple, dict[str, pd.Series]] = {}
    for _, row in compression.by_column(aucs).iterrows():
        found.setdefault((row.network, row.engine, row.precision), {})[row.kind] = row[["value", "ci_low", "ci_high"]]
    return found


def _aucs(found: dict, key: tuple) -> dict[str, str]:
    shown, figures = {}, found.get(key, {})
    for split in compression.SPLITS:
        auc, gap = figures.get(f"AUC, {split}"), figures.get(f"difference, {split}")
        shown[f"AUC, {split}"] = _NONE if auc is None else f"{auc.value:.4f}"
        shown[f"difference, {split} (95 % CI)"] = (
            _NONE if gap is None else f"{gap.value:+.4f} ({gap.ci_low:+.4f} to {gap.ci_high:+.4f})"
        )
    return shown


def random_started(profile: str) -> list[str]:
    """Return the names of the networks whose weights are random, so that they have no AUC."""
    return [name for name in deployed_networks.TRAINED if not deployed_networks.paper(name, profile).trained]
