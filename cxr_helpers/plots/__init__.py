"""Figures of the report: every function returns a matplotlib Figure and shows nothing.

They share one style and one palette (`style`): a model family has one colour wherever it is drawn, intervals are shown,
and text is readable at the width of an A4 page. A module is imported when one of its functions is first used.
"""

import lazy_loader

_FUNCTIONS = {
    "result_plots": ["classified_images", "forest", "histories", "image_grid", "summary"],
    "style": ["CLASS_COLOURS", "COLOURS", "TEXT_WIDTH", "colour"],
}
__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs=_FUNCTIONS)
