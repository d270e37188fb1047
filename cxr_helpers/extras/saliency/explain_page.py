"""One self-contained page for one image: the prediction, and each heat map beside the image with its own scale and meaning."""

import base64
import string
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import matplotlib
import numpy as np

from cxr_helpers.base.files import atomic_write
from cxr_helpers.base.progress import printable, say
from cxr_helpers.config import one_of
from cxr_helpers.data import image_files, preprocessing
from cxr_helpers.errors import CxrError
from cxr_helpers.explain import gradcam, overlay
from cxr_helpers.extras.inference import lungs, published_model
from cxr_helpers.extras.inference.predict import Prediction, predict, shrunk
from cxr_helpers.extras.inference.writable import check_file
from cxr_helpers.extras.saliency import explained_networks, methods

CLIPPED = 99  # percentile of |value| at the end of a signed method's scale
TARGETS = {"PNEUMONIA": 1, "NORMAL": -1}
PREDICTED = "predicted"
PAGE, SECTION = (Path(__file__).with_name(name) for name in ("explain_page.html", "explain_section.html"))  # $name: filled in


def write(
    image: Path,
    names: Sequence[str],
    out: Path,
    target: str = PREDICTED,
    model_dir: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Explain one image with the published model and write the page; return its path.

    Args:
        image: an 8-bit grey or RGB JPEG or PNG file, or a DICOM image.
        names: keys of `methods.found`.
        out: the page, in a folder that exists; with `overwrite` it takes the place of what is there.
        target: "PNEUMONIA", "NORMAL" or "predicted".
        model_dir: folder of another published model.

    Raises:
        CxrError: a method or target is unknown, the file is no usable image, or the page cannot be written.
    """
    image, out, names = Path(image), Path(out), [one_of("method", name, methods.found()) for name in names]
    if target not in (PREDICTED, *TARGETS):
        raise CxrError(f"--target {target} does not exist; give {PREDICTED}, {' or '.join(TARGETS)}.")
    if not out.parent.is_dir():
        raise CxrError(f"The folder {out.parent} of {out.name} does not exist; make it or name another one.")
    check_file(out, overwrite, [image])
    (answer,) = predict([image], model_dir)
    if answer.problem:
        raise CxrError(answer.problem)
    say(f"explain: {answer.label}, P(PNEUMONIA) {answer.probability:.4f}; the maps are made")
    shown = answer.label if target == PREDICTED else target
    model, card = published_model.load(model_dir)
    pixels = image_files.read(image).pixels
    small = preprocessing.prepared([pixels], card.size, card.variant)
    maps = {name: methods.maps(name, model, small, TARGETS[shown]) for name in names}
    if card.variant == explained_networks.BOX:
        places = explained_networks.boxes(preprocessing.resize(pixels)[None])
        maps = {name: explained_networks.placed(found, places, preprocessing.COMMON_SIZE) for name, found in maps.items()}
    try:
        atomic_write(out, _html(answer, card, shown, shrunk(pixels), {name: found[0] for name, found in maps.items()}))
    except OSError as error:
        raise CxrError(f"{out} cannot be written ({error.strerror}); give another file.") from error
    return out


def _html(answer: Prediction, card: published_model.Card, shown: str, image: np.ndarray, maps: dict[str, np.ndarray]) -> str:
    """Return the page as text; it asks for nothing outside itself and runs no script. `shown`: the class that is explained."""
    inside = _lungs(image)
    facts = _facts(answer, card) | {"Maps explain": f"what speaks for {shown}", "Model": f"{card.run_id}, trained on {card.data}"}
    return string.Template(PAGE.read_text(encoding="utf-8")).substitute(
        name=escape(printable(answer.path.name)),
        warning=f'<p class="warning">{escape(answer.warning)}.</p>\n' if answer.warning else "",
        facts="\n".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in facts.items()),
        sections="\n".join(_section(name, image, values, shown, inside) for name, values in maps.items()),
    )


def _facts(answer: Prediction, card: published_model.Card) -> dict[str, str]:
    ill = answer.label == "PNEUMONIA"
    confidence = answer.probability if ill else 1 - answer.probability
    temperature = card.temperature  # where there is one, it is part of the model
    calibrated = f"at temperature {temperature:.2f}, which is no calibration elsewhere" if temperature else "not calibrated"
    return {
        "Prediction": f"{answer.label}, because P(PNEUMONIA) {'≥' if ill else '<'} operating point",
        "P(PNEUMONIA)": f"{answer.probability:.4f}",
        "Operating point": f"{answer.threshold:.4f}, chosen on validation images",
        "Confidence": f"{confidence:.1%} in {answer.label} ({calibrated})",
    }


def _lungs(image: np.ndarray) -> np.ndarray | str:
    """Return the lungs' mask, bool, of an image (H, W) uint8, or the sentence that says why there is none."""
    try:
        masks, trusted = lungs.found(image[None])
    except CxrError as error:
        return f"No outline of the lungs: {error}"
    return masks[0] if trusted[0] else "No outline: the segmenter found no plausible lungs on this image."


def _inside(values: np.ndarray, inside: np.ndarray | str, shown: str) -> str:
    """Return the sentence on how much of a map (H, W) lies in the lungs, the part that speaks for the class that is `shown`."""
    strength = np.maximum(values, 0)
    if isinstance(inside, str) or not strength.any():
        return inside if isinstance(inside, str) else ""
    share = strength[inside].sum() / strength.sum()
    return f"{share:.0%} of what speaks for {shown} lies in the lungs (outlined), which cover {inside.mean():.0%} of the image."


def _section(name: str, image: np.ndarray, values: np.ndarray, shown: str, inside: np.ndarray | str) -> str:
    """Return one method's part: the image, the image under the map with the lungs' outline, the scale and what it means."""
    method, large = methods.found()[name], cv2.resize(values, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    ticks, scale = ("0", "0.5", "1"), f"Yellow speaks most for {shown}; 1 is the map's own largest value."
    picture = overlay.heat(image, np.clip(large, 0, 1))
    if method.signed:
        end = np.percentile(np.abs(values), CLIPPED) or np.abs(values).max() or 1.0
        picture = overlay.signed(image, large, end)
        ticks = tuple(f"{tick:.2g}" for tick in (-end, 0, end))
        scale = f"Log-odds: red speaks for {shown}, blue against it; values beyond the scale are clipped."
    if not isinstance(inside, str):
        picture = overlay.outlined(picture, inside)
    colours = matplotlib.colormaps[overlay.SIGNED if method.signed else overlay.HEAT](np.linspace(0, 1, 256))[:, :3]
    return string.Template(SECTION.read_text(encoding="utf-8")).substitute(
        title=escape(method.title),
        image=_embedded(image),
        picture=_embedded(picture),
        bar=_embedded(np.tile((255 * colours).round().astype("uint8"), (8, 1, 1))),
        **dict(zip(("low", "middle", "high"), ticks, strict=True)),
        says=escape(method.says),
        scale=scale,
        inside=escape(_inside(large, inside, shown)),
        blank="" if values.any() else f" <strong>{gradcam.BLANK}.</strong>",
    )


def _embedded(pixels: np.ndarray) -> str:
    """Return a picture, uint8 grey (H, W) or RGB (H, W, 3), as a data URI."""
    data = cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)[1]
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode()}"
