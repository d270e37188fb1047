"""The deployed model: a network of the final model in 8-bit integers, chosen on validation images, with its card."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.evaluation import calibration, metrics, operating_point
from cxr_helpers.extras.inference import backends, deployed_networks, exports, published_model
from cxr_helpers.extras.statistics import paired
from cxr_helpers.training import rescoring

FILE, CARD = "deployed.onnx", "deployed.json"
SIZE_LIMIT = 3_000_000  # bytes
READERS = ("openvino", "onnxruntime")  # of the file, the faster one first
_RESTORE = "restore it from git or make it anew with `cxr deploy`"


@dataclasses.dataclass(frozen=True)
class Card:
    """What must be known of the deployed file: deployed.json.

    Input: images float32 (n, size, size, 3) in 0..255 after preprocessing `variant`. Output: P(PNEUMONIA) before
    `temperature`, by which its log-odds are divided; PNEUMONIA iff the result is at least `threshold`. Both come from
    corrupted validation images, scored by the file itself. `engine`: the backend that scored it; `run_id`: the network's run;
    `published_sha256`: the published model's file that the network is from. `metrics`: split -> AUC with its 95 % interval,
    and its paired difference to the network in float32 and to the final model.
    """

    bytes: int
    sha256: str
    engine: str
    precision: str
    size: int
    variant: str
    run_id: str
    published_sha256: str
    temperature: float
    threshold: float
    metrics: dict


def load(folder: Path | None = None) -> tuple[backends.Runner, Card]:
    """Return (runner, card) of the deployed model in `folder`, by default the committed one; it gives P before temperature.

    Raises:
        CxrError: it is missing or altered, or neither backend that reads it is installed.
    """
    folder = Path(folder or published_model.folder())
    found = card(folder)
    path = published_model.checked(folder / FILE, found.sha256, CARD, _RESTORE)
    return backends.load(path, _reader()), found


def _reader() -> str:
    return next((name for name in READERS if name in backends.available()), READERS[0])


def card(folder: Path | None = None, missing_ok: bool = False) -> Card | None:
    """Return the card of the deployed model in `folder`, by default the committed one.

    Raises:
        CxrError: it is broken, or missing and `missing_ok` is not set (else None).
    """
    path = Path(folder or published_model.folder()) / CARD
    if missing_ok and not path.exists():
        return None
    return published_model.read_card(path, Card, "deployed", _RESTORE)


def make(profile: str) -> Path:
    """Write the deployed file and its card into the published folder; return the file.

    The network is that of `deployed_networks.chosen`. The card's figures on test images choose nothing.

    Raises:
        CxrError: a backend is missing, or the file is above `SIZE_LIMIT`; what was there stays.
    """
    _, run = deployed_networks.chosen(profile)
    network, (model, published) = deployed_networks.final(profile)[-1], published_model.load(published_model.folder(profile))
    keras_model = network.build()
    source = exports.file(network, keras_model, profile, "onnxruntime", exports.INT8)
    content, reader = source.read_bytes(), _reader()
    if len(content) > SIZE_LIMIT:
        sizes = f"{len(content) / 1e6:.1f} MB, above {SIZE_LIMIT / 1e6:.0f} MB"
        raise CxrError(f"The deployed file has {sizes}; publish a smaller network.")
    runner = backends.load(source, backend=reader)
    say("deploy: corrupted validation images")
    score = rescoring.of_function(runner, published)
    images = rescoring.of_validation(rescoring.perturbed(score, run, profile, rescoring.VALIDATION), run)
    temperature = calibration.fit_temperature(images)
    runners = runner, backends.keras_runner(keras_model), backends.keras_runner(model)
    found = Card(
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        engine=reader,
        precision=exports.INT8,
        size=published.size,
        variant=published.variant,
        run_id=run.run_id,
        published_sha256=published.sha256,
        temperature=float(temperature),
        threshold=float(operating_point.choose(calibration.tempered(images, temperature))),
        metrics={split: _figures(split, profile, network, runners) for split in ("val", "test")},
    )
    folder = published_model.folder(profile)
    atomic_write(folder / FILE, content)
    published_model.write_card(found, folder / CARD)
    return folder / FILE


def _figures(split: str, profile: str, network: deployed_networks.Network, runners: tuple[backends.Runner, ...]) -> dict:
    """Return AUC, difference to the network in float32 and to the final model on one split: [value, ci_low, ci_high]."""
    table = deployed_networks.labelled(profile, split)
    images = deployed_networks.images(network, profile, table.image_id)
    ours, float32, final = (table.assign(y_score=np.asarray(run(images))[:, -1].astype(float)) for run in runners)
    rows = {
        "roc_auc": metrics.evaluate(ours).loc["roc_auc"],
        "difference_to_float32": paired.auc_difference([ours], [float32]),
        "difference_to_final_model": paired.auc_difference([ours], [final]),
    }
    return {name: [round(float(row[key]), 5) for key in ("value", "ci_low", "ci_high")] for name, row in rows.items()}
