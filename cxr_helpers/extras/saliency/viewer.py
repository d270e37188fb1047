"""A panel for the web page: choose an image and a method. It is made of radio buttons and style rules, and runs no script."""

import base64
from html import escape

import cv2
import numpy as np

from cxr_helpers.explain import methods
from cxr_helpers.extras.plots.map_gallery import picture
from cxr_helpers.extras.saliency.gallery import Gallery

SIDE = 288  # pixels of a picture as it is shown; it is stored as the gallery has it
_QUALITY = 80  # of a JPEG
NAME = "map-viewer"


def panel(gallery: Gallery) -> str:
    """Return the panel as HTML: every image of a gallery beside its map by any method; without a choice, the first of each."""
    names = list(gallery.maps)
    images = [f"{row.outcome}, {row.certainty}" for row in gallery.answers.itertuples()]
    rules = [
        f".{NAME}:has(#{NAME}-image-{image}:checked):has(#{NAME}-method-{method}:checked) "
        f".image-{image}.method-{method}{{display:block}}"
        for image in range(len(images))
        for method in range(len(names))
    ]
    style = f".{NAME} figure{{display:none;margin:0}}.{NAME} fieldset{{border:1px solid;margin:0 0 .8rem;padding:.4rem .8rem}}"
    style += f".{NAME} label{{display:inline-block;margin-right:1rem}}.{NAME} img{{width:min(48%,{SIDE}px);height:auto}}"
    figures = [_figure(gallery, image, names, method) for image in range(len(images)) for method in range(len(names))]
    parts = [
        f"<style>{style}{''.join(rules)}</style>",
        f'<section class="{NAME}" aria-label="Explanation viewer">',
        _choice("image", "Image", images),
        _choice("method", "Method", [methods.METHODS[name].title for name in names]),
        *figures,
        "</section>",
    ]
    return "\n".join(parts)


def _choice(kind: str, legend: str, options: list[str]) -> str:
    """Return a row of radio buttons, the first of them chosen."""
    buttons = "\n".join(
        f'<label><input type="radio" name="{NAME}-{kind}" id="{NAME}-{kind}-{place}"{" checked" if place == 0 else ""}> '
        f"{escape(option)}</label>"
        for place, option in enumerate(options)
    )
    return f"<fieldset><legend>{legend}</legend>\n{buttons}\n</fieldset>"


def _figure(gallery: Gallery, image: int, names: list[str], method: int) -> str:
    name, row = names[method], gallery.answers.iloc[image]
    title, limit = methods.METHODS[name].title, gallery.limits[name]
    values, pixels = gallery.maps[name][image], gallery.images[image]
    scale = f"uncoloured at 0, through purple, to yellow at 1: what speaks for {row.predicted}"
    if methods.METHODS[name].signed:
        scale = f"red speaks for {row.predicted}, blue against it, ±{limit:.2g} in log-odds"
    facts = f"True label {row.label}, answer {row.predicted}; P(PNEUMONIA) {row.y_score:.4f}, operating point "
    facts += f"{gallery.threshold:.4f}, confidence {row.confidence:.1%}."
    why = gallery.refused.get(name, {}).get(image, methods.BLANK)
    blank = "" if values.any() else f" No map: {why.rstrip('.')}."
    shown = _embedded(picture(name, pixels, values, limit))
    return (
        f'<figure class="image-{image} method-{method}">'
        f'<img src="{_embedded(pixels)}" alt="Chest radiograph {escape(row.image_id)}"> '
        f'<img src="{shown}" alt="The same image under its {escape(title)} map">'
        f"<figcaption>{escape(title)}: {escape(scale)}. {escape(facts)}{escape(blank)}</figcaption></figure>"
    )


def _embedded(picture: np.ndarray) -> str:
    """Return a picture, uint8 grey (H, W) or RGB (H, W, 3), as a data URI of a JPEG."""
    found = cv2.imencode(".jpg", picture[..., ::-1] if picture.ndim == 3 else picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1]
    return f"data:image/jpeg;base64,{base64.b64encode(found.tobytes()).decode()}"
