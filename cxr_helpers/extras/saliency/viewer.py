"""A panel for the web page: choose an image and a method. It is made of radio buttons and style rules, and runs no script."""

import itertools
from html import escape

import cv2

from cxr_helpers.explain import methods
from cxr_helpers.explain.explanations import Explained
from cxr_helpers.extras.saliency.map_pictures import embedded, picture

SIDE = 288  # pixels of a picture as it is shown; it is stored as the gallery has it
NAME = "map-viewer"
_JPEG = ("jpeg", cv2.IMWRITE_JPEG_QUALITY, 80)
_STYLE = f"""\
.{NAME} figure{{display:none;margin:0}}
.{NAME} fieldset{{border:1px solid;margin:0 0 .8rem;padding:.4rem .8rem}}
.{NAME} label{{display:inline-block;margin-right:1rem}}
.{NAME} img{{width:min(48%,{SIDE}px);height:auto}}"""


def panel(gallery: Explained) -> str:
    """Return the panel as HTML: every image of a gallery beside its map by any method; without a choice, the first of each."""
    images = [f"{row.outcome}, {row.certainty}" for row in gallery.answers.itertuples()]
    pairs = list(itertools.product(range(len(images)), range(len(gallery.maps))))
    rules = [
        f".{NAME}:has(#{NAME}-image-{image}:checked):has(#{NAME}-method-{method}:checked) "
        f".image-{image}.method-{method}{{display:block}}"
        for image, method in pairs
    ]
    parts = [
        f"<style>{_STYLE}{''.join(rules)}</style>",
        f'<section class="{NAME}" aria-label="Explanation viewer">',
        _choice("image", "Image", images),
        _choice("method", "Method", [methods.METHODS[name].title for name in gallery.maps]),
        *(_figure(gallery, image, method) for image, method in pairs),
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


def _figure(gallery: Explained, image: int, method: int) -> str:
    name, row, pixels = list(gallery.maps)[method], gallery.answers.iloc[image], gallery.images[image]
    title, end, values = methods.METHODS[name].title, gallery.about["limits"][name], gallery.maps[name][image]
    scale = f"uncoloured at 0, through purple, to yellow at 1: what speaks for {row.predicted}"
    if methods.METHODS[name].signed:
        scale = f"red speaks for {row.predicted}, blue against it, ±{end:.2g} in log-odds"
    facts = f"True label {row.label}, prediction {row.predicted}; P(PNEUMONIA) {row.y_score:.4f}, operating point "
    facts += f"{gallery.about['threshold']:.4f}, confidence {row.confidence:.1%}."
    why = gallery.about["refused"].get(name, {}).get(str(image), methods.BLANK)
    blank = "" if values.any() else f" No map: {why.rstrip('.')}."
    return (
        f'<figure class="image-{image} method-{method}">'
        f'<img src="{embedded(pixels, *_JPEG)}" alt="Chest radiograph {escape(row.image_id)}"> '
        f'<img src="{embedded(picture(name, pixels, values, end), *_JPEG)}" alt="The same image under its {escape(title)} map">'
        f"<figcaption>{escape(title)}: {escape(scale)}. {escape(facts)}{escape(blank)}</figcaption></figure>"
    )
