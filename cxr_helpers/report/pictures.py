"""A matplotlib figure as SVG, for notebook and report."""

import base64
import io
import re

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

STYLE = {"svg.fonttype": "path", "svg.hashsalt": "cxr"}  # glyphs as outlines, ids that do not change from run to run
RASTER_DPI = 150  # of images inside a vector figure
EDGE = 0.04  # inches around what is drawn: a figure as wide as the text is printed in its own size
JPEG_QUALITY = 80
UNSIGNED = dict.fromkeys(("Creator", "Date", "Format", "Type"))  # no date: the same figure gives the same text
PATH, LONG = re.compile(r' d="[^"]*"'), re.compile(r"-?\d+\.\d{3,}")
NEEDLESS = re.compile(r'<!--.*?-->|(?<=<g) id="[^"]*"', re.DOTALL)
RASTER = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")


def svg(fig: Figure) -> str:
    """Return `fig` as SVG text, cut to what is drawn; images in it become JPEG, places are exact to a hundredth of a point."""
    buffer = io.StringIO()
    with rc_context(STYLE):
        fig.savefig(buffer, format="svg", dpi=RASTER_DPI, bbox_inches="tight", pad_inches=EDGE, metadata=UNSIGNED)
    return _thin(RASTER.sub(_lighter, buffer.getvalue()))


def _thin(svg: str) -> str:
    """Return an SVG without what no renderer needs: comments, names of groups, line breaks, digits that nobody sees."""
    svg = PATH.sub(lambda path: LONG.sub(lambda number: f"{float(number[0]):.2f}".rstrip("0").rstrip("."), path[0]), svg)
    svg = " ".join(NEEDLESS.sub("", svg).split()).replace("> <", "><")
    return svg.replace("xlink:href=", "href=").replace("DejaVuSans-", "d")  # one of these for every letter


def _lighter(match: re.Match) -> str:
    """Return an embedded PNG as JPEG where it is opaque and that is smaller: images, not rasterised points."""
    original = base64.b64decode(match[1])
    image = Image.open(io.BytesIO(original)).convert("RGBA")
    if image.getextrema()[3][0] < 255:
        return match[0]
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    if buffer.tell() >= len(original):
        return match[0]
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
