"""The deployed model: a network of the final model in 8-bit integers, chosen on validation images, with its card."""

import dataclasses
import hashlib
import json
from pathlib import Path

from cxr_helpers.base import provenance
from cxr_helpers.base.files import atomic_path, atomic_write
from cxr_helpers.base.progress import say
from cxr_helpers.errors import CxrError
from cxr_helpers.extras.inference import backends, deployed_networks, exports, published_model

FILE, CARD = "deployed.onnx", "deployed.json"
SIZE_LIMIT = 3_000_000  # bytes
READERS = ("openvino", "onnxruntime")  # of the file, the faster one first
_RESTORE = "restore it from git or make it anew with `cxr deploy`"


@dataclasses.dataclass(frozen=True)
class Card:
    """What must be known of the deployed file: deployed.json.

    Input: images float32 (n, size, size, 3) in 0..255 after preprocessing `variant`. Output: P(PNEUMONIA) before
    `temperature`, by which its log-odds are divided; PNEUMONIA iff the result is at least `threshold`. Both come from
    corrupted validation images, scored by the file itself. `engine` is what it was scored with; `run_id` the network's run;
    `published_sha256` the published model's file that the network is from. `metrics`: split -> AUC with its 95 % interval,
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


def load(folder: Path | None = None, threads: int | None = None) -> tuple[backends.Runner, Card]:
    """Return (runner, card) of the deployed model in `folder`, by default the committed one; it gives P before temperature.

    Raises:
        CxrError: it is missing or altered, or neither engine that reads it is installed.
    """
    folder = Path(folder or published_model.folder())
    found, path = card(folder), folder / FILE
    if not path.is_file():
        raise CxrError(f"{path} does not exist; {_RESTORE}.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != found.sha256:
        raise CxrError(f"{path} is not the file that {CARD} describes (its SHA-256 differs); {_RESTORE}.")
    reader = next((name for name in READERS if name in backends.available()), READERS[0])
    return backends.load(path, threads, reader), found


def card(folder: Path | None = None, missing_ok: bool = False) -> Card | None:
    """Return the card of the deployed model in `folder`, by default the committed one.

    Raises:
        CxrError: it is broken, or missing and `missing_ok` is not set (else None).
    """
    path = Path(folder or published_model.folder()) / CARD
    provenance.note(path)
    try:
        return Card(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        if missing_ok:
            return None
        raise CxrError(f"{path} does not exist; {_RESTORE}.") from error
    except (OSError, ValueError, TypeError) as error:
        raise CxrError(f"{path} is not the description of a deployed model ({error}); {_RESTORE}.") from error


def make(profile: str) -> Path:
    """Write the deployed file and its card into the published folder; return the file.

    The network is that of `networks.chosen`. The card's figures on test images choose nothing.

    Raises:
        CxrError: an engine is missing, or the file is above `SIZE_LIMIT`; what was there stays.
    """
    from cxr_helpers.evaluation import calibration, operating_point
    from cxr_helpers.training import rescoring

    _, run = deployed_networks.chosen(profile)
    network, (model, published) = deployed_networks.final(profile)[-1], published_model.load(published_model.folder(profile))
    keras_model = network.build()
    source = exports.file(network, keras_model, profile, "onnxruntime", exports.INT8)
    reader = next((name for name in READERS if name in backends.available()), READERS[0])
    run_file = backends.load(source, engine=reader)
    say("deploy: corrupted validation images")
    score = rescoring.of_function(run_file, published)
    images = rescoring.of_validation(rescoring.perturbed(score, run, profile, rescoring.VALIDATION), run)
    temperature = calibration.fit_temperature(images)
    content = source.read_bytes()
    if len(content) > SIZE_LIMIT:
        raise CxrError(
            f"The deployed file has {len(content) / 1e6:.1f} MB, above {SIZE_LIMIT / 1e6:.0f} MB; publish a smaller network."
        )
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
        metrics={split: _figures(split, profile, network, run_file, keras_model, model) for split in ("val", "test")},
    )
    folder = published_model.folder(profile)
    with atomic_path(folder / FILE) as temporary:
        temporary.write_bytes(content)
    atomic_write(folder / CARD, json.dumps(dataclasses.asdict(found), indent=2, ensure_ascii=False) + "\n")
    return folder / FILE


def _figures(split: str, profile: str, network: deployed_networks.Network, run: backends.Runner, whole, final) -> dict:
    """Return AUC, difference to the network in float32 and to the final model on one split: [value, ci_low, ci_high]."""
    from cxr_helpers.evaluation import metrics, paired

    table = deployed_networks.labelled(profile, split)
    images = deployed_networks.images(network, profile, table.image_id)
    ours, float32, joined = (
        table.assign(y_score=each(images)[:, -1].astype(float))
        for each in (run, backends.keras_runner(whole), backends.keras_runner(final))
    )

    def triple(row) -> list[float]:
        return [round(float(row[key]), 5) for key in ("value", "ci_low", "ci_high")]

    return {
        "roc_auc": triple(metrics.evaluate(ours).loc["roc_auc"]),
        "difference_to_float32": triple(paired.auc_difference([ours], [float32])),
        "difference_to_final_model": triple(paired.auc_difference([ours], [joined])),
    }
