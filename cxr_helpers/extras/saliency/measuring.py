"""All methods and controls on all sets and networks, resumably: a part (network × set × method) is stored as soon as it is made.

What is measured was written down before any map was made (`PLAN`). Images are drawn with a seed that looks at no score, every
cheap method has all of a set's images, and every slow one the same subset of them.
"""

import functools
import hashlib
import io
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from cxr_helpers import paths, records
from cxr_helpers.base import lazy
from cxr_helpers.base.files import atomic_write, read_arrays
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import metrics
from cxr_helpers.extras.saliency import controls, drawn_truth, explained_networks, map_table, methods, stored_maps
from cxr_helpers.extras.saliency import map_measures as names
from cxr_helpers.extras.saliency.drawn_truth import GUANGZHOU, LESIONS, NIH, RSNA, Truth
from cxr_helpers.extras.saliency.explained_networks import CROPPED, FINAL, RANDOM, WHOLE, Network
from cxr_helpers.extras.statistics import faithfulness, localisation
from cxr_helpers.tables import selection

measured_on = lazy.module("cxr_helpers.extras.makers.measured_on")

SLOW = {"integrated_gradients", "smoothgrad", "occlusion", "shap_gradient", "shap_partition", "lime"}  # many passes an image
HEAVY = {"vgg16_thesis"}  # networks of which one pass takes as long as thirty of the others
_CUT = {NIH: 95, LESIONS: 94, GUANGZHOU: 60, RSNA: 60}  # images of cheap methods
_FEW = {NIH: 12, LESIONS: 12}  # images of slow methods
_ASKED = 12  # images of ROAD, for which the final model is asked ten times a map
_HEAVY = {NIH: 24, LESIONS: 24}  # images of heavy networks
NETWORKS = (FINAL, WHOLE, CROPPED, "mobilenet_official", FINAL + RANDOM, "vgg16_thesis")
SHOWN = "mobilenetv2_finetuned"  # the experiment whose explained images chapter 07 shows
CONTROLS = "controls"  # in place of a network's name, where none is asked


def plan() -> pd.DataFrame:
    """Return the images by network, set and kind of method: network, data, cheap methods, slow methods."""
    rows = [(name, data, cheap, _FEW.get(data, 0) if name == FINAL else 0) for name in NETWORKS for data, cheap in _counts(name)]
    return pd.DataFrame(rows, columns=["network", "data", "cheap methods", "slow methods"])


def measure(profile: str) -> Path:
    """Make the values of every map, `map_measures.VALUES`, and the tables that follow from them; return the tables' path.

    Parts that are stored in the build folder are taken from there, so that a stopped call goes on.

    Raises:
        CxrError: the profile is not "full", or CXR_SETS_DIR does not hold the sets.
    """
    if profile != "full":
        raise CxrError("Maps are held against what people drew on real images; give --profile full, with CXR_SETS_DIR.")
    started, left_out, parts, said = time.perf_counter(), [], [], {}
    sets = functools.cache(lambda data: drawn_truth.load(data, _CUT[data], profile))
    for slow, name in [*itertools.product([False], NETWORKS), (True, FINAL)]:
        for data, count in _counts(name):
            parts += of_network(name, sets(data).at(np.arange(min(count, len(sets(data).table)))), slow, left_out)
    for name, truth in ((name, sets(name)) for name in _CUT):
        said[name] = f"{len(truth.table)} images of {truth.table.patient_id.nunique()} patients. {truth.left_out}"
    about = {"sets": said, "plan": plan().to_dict("records"), "left_out": left_out}
    made = {part.model.iloc[0] for part in parts}
    about |= {"test_auc": {name: _area(name) for name in (WHOLE, CROPPED) if name in made}}
    about |= {"seconds": round(time.perf_counter() - started, 1)} | measured_on.about()
    stored_maps.make_drawn(selection.best_on_validation(records.of(SHOWN, profile)), profile)
    return map_table.write(profile, pd.concat(parts), about)


def of_network(name: str, truth: Truth, slow: bool, left_out: list[str]) -> Iterator[pd.DataFrame]:
    """Yield the values of a network's maps of a set, one frame a method or control (the slow ones, or all others).

    Where a method refuses the network, or that is not on this machine, the sentence is added to `left_out`.
    """
    load, trained = functools.cache(lambda: explained_networks.load(name)), name.removesuffix(RANDOM)
    try:  # with shuffled weights, too, the images count on which the trained network is right
        judged = _part(trained, truth, "scores", lambda: _judged(explained_networks.load(trained), truth))
    except CxrError as error:
        if str(error) not in left_out:
            left_out.append(str(error))
            say(left_out[-1])
        return
    boxes = functools.partial(_boxes, truth)
    right = (judged["score"] >= judged["limit"]) == truth.table.y_true.to_numpy()
    for method in [*methods.found(), *controls.KNOWN]:
        count = _FEW.get(truth.name, 0) if slow else len(truth.table)
        if not count or (method in SLOW) != slow or (method in controls.KNOWN and RANDOM in name):
            continue
        part = truth.at(np.arange(min(count, len(truth.table))))
        try:
            whose = CONTROLS if method in controls.KNOWN else name
            values = _part(whose, part, method, functools.partial(_values, load, boxes, part, method))
            if values and truth.name == GUANGZHOU and name == FINAL:
                values |= _asked(load, part, method)
        except CxrError as error:
            left_out.append(f"{method}, {name}, {truth.name}: {error}")
            say(left_out[-1])
            continue
        if values:
            about = part.table[["image_id", "patient_id"]].assign(right=right[: len(part.table)].astype(int))
            yield pd.DataFrame({"method": method, "model": name, "data": truth.name}, about.index).join(about).assign(**values)


def _area(name: str) -> float:
    """Return the test AUC of the run whose network is explained, which tells of which training the maps are."""
    return round(float(metrics.points(explained_networks.run_of(name).split("test")).roc_auc), 6)


def _counts(name: str) -> list[tuple[str, int]]:
    """Return the sets of a network and how many of their images it has."""
    heavy, random = name in HEAVY, RANDOM in name
    return list((_HEAVY if heavy else _CUT).items())[: 2 if heavy or random else None]


def _judged(network: Network, truth: Truth) -> dict[str, np.ndarray]:
    return {"score": network.scores(network.inputs(truth.images)), "limit": np.full(len(truth.table), network.threshold)}


def _values(load: Callable, boxes: Callable, truth: Truth, method: str) -> dict[str, np.ndarray]:
    """Return the measures of a method's or control's maps, each (n,); none where the set has no such control.

    `load()` returns the network, `boxes()` the place of the lungs' box in each of the images (or in more of them).
    """
    target = np.where(truth.table.y_true, 1, -1)
    maps = controls.maps(method, truth) if method in controls.KNOWN else load().maps(method, truth.images, target)
    if maps is None:
        return {}
    values = of_maps(maps, truth)
    if method not in controls.KNOWN and load().variant == "none" and truth.name in _FEW:  # as if it had seen the box only
        inside = explained_networks.placed(np.ones(truth.images.shape, "float32"), boxes()[: len(maps)]) >= 0.5
        values |= {f"{names.CUT}{title}": found for title, found in of_maps(maps * inside, truth).items()}
    return values


def _asked(load: Callable, truth: Truth, method: str) -> dict[str, np.ndarray]:
    """Return ROAD (n,) of the first `_ASKED` images, NaN for the others."""
    head = truth.at(np.arange(min(_ASKED, len(truth.table))))
    found = _part(FINAL, head, f"ROAD of {method}", functools.partial(_road, load, head, method))
    rest = len(truth.table) - len(head.table)
    return {title: np.pad(values, (0, rest), constant_values=np.nan) for title, values in found.items()}


def _road(load: Callable, truth: Truth, method: str) -> dict[str, np.ndarray]:
    """Return ROAD (n,): whether the probability of the image's class falls when the first cells of a map are taken away."""
    network, ill = load(), truth.table.y_true.to_numpy()
    target = np.where(ill, 1, -1)
    maps = controls.maps(method, truth) if method in controls.KNOWN else network.maps(method, truth.images, target)

    def score(images: np.ndarray) -> np.ndarray:
        found = network.scores(images)
        return np.where(ill, found, 1 - found)

    orders = faithfulness.order(np.maximum(maps, 0))
    return {names.ROAD: faithfulness.road(score, network.inputs(truth.images), orders)}


def of_maps(maps: np.ndarray, truth: Truth) -> dict[str, np.ndarray]:
    """Return the measures of maps (n, SIDE, SIDE), signed or not, against a set's truth: name → (n,).

    What speaks against the target counts as nothing. A map with NaN is a CxrError.
    """
    strength = np.maximum(maps, 0) * truth.known
    curves = np.stack([localisation.iou(strength, truth.masks, share) for share in localisation.SHARES], axis=1)
    found = {
        names.HIT: localisation.pointing_game(strength, truth.masks),
        names.IOU: localisation.chosen_iou(curves, truth.table.patient_id.to_numpy()),
        names.ENERGY: localisation.energy_over_area(strength, truth.masks, truth.known),
        names.PR: localisation.precision_recall_area(strength, truth.masks),
        names.BLANK: (strength == 0).all(axis=(1, 2)).astype(float),
    }
    if truth.lungs is not None:
        found[names.LUNGS] = localisation.energy_over_area(strength, truth.lungs, truth.known)
        found[names.WITHIN] = localisation.energy_over_area(strength, truth.masks, truth.lungs)
    return found


def _boxes(truth: Truth) -> list[tuple[slice, slice]]:
    """Return the place of the lungs' box in each image of a set; found once, whatever the network."""

    def found() -> dict[str, np.ndarray]:
        places = explained_networks.boxes(truth.images)
        ends = np.array([(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in places]).T
        return dict(zip(("top", "bottom", "left", "right"), ends, strict=True))

    ends = _part("segmenter", truth, "boxes", found).values()
    return [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in np.stack(list(ends), axis=1).astype(int)]


def _part(name: str, truth: Truth, what: str, make) -> dict[str, np.ndarray]:
    """Return arrays of n values by title that `make` returns, stored under the network, the set, its images and what they are."""
    key = hashlib.sha256(b"\n".join([str([*truth.table.image_id, _identity(name)]).encode(), truth.masks.tobytes()])).hexdigest()
    file = f"{truth.name}-{name}-{what}-{key[:12]}.npz".replace(" ", "_").replace(",", "")
    path = paths.build("full") / "explanation_measures" / file
    if not path.is_file():
        say(f"maps: {what}, {name}, {truth.name}, {len(truth.table)} images")
        values, content = make(), io.BytesIO()
        np.savez_compressed(content, titles=np.array(list(values), str), values=np.array(list(values.values()), "float64"))
        atomic_write(path, content.getvalue())
    titles, values = read_arrays(path, ("titles", "values"), f"delete it and run `{names.COMMAND}` again")
    return dict(zip(titles.tolist(), values, strict=True))


def _identity(name: str) -> str:
    """Return what changes with the published model, whose features the localiser has; other networks are told by their name."""
    card = paths.reports("full") / "models" / "default.json"
    return json.loads(card.read_text(encoding="utf-8"))["sha256"] if name.startswith((FINAL, CONTROLS)) else name
