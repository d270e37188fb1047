"""Figures of the report: every function returns a matplotlib Figure and shows nothing.

They share one style and one palette (`style`): a model family has one colour wherever it is drawn, intervals are shown,
and text is readable at the width of an A4 page.
"""

from cxr_helpers.plots.dataset_plots import class_counts, grey_statistics, images_per_patient, original_sizes
from cxr_helpers.plots.image_grids import answer_title, classified_images, heat_maps, image_grid
from cxr_helpers.plots.pipeline_flow import flow_chart
from cxr_helpers.plots.reported_plots import reported_against_ours
from cxr_helpers.plots.result_plots import confusion_matrices, forest
from cxr_helpers.plots.score_curves import calibration, histories, pr_curves, roc_curves
from cxr_helpers.plots.style import CLASS_COLOURS, COLOURS, TEXT_WIDTH, colour

__all__ = [
    "CLASS_COLOURS",
    "COLOURS",
    "TEXT_WIDTH",
    "answer_title",
    "calibration",
    "class_counts",
    "classified_images",
    "colour",
    "confusion_matrices",
    "image_grid",
    "flow_chart",
    "forest",
    "grey_statistics",
    "heat_maps",
    "histories",
    "images_per_patient",
    "original_sizes",
    "pr_curves",
    "reported_against_ours",
    "roc_curves",
]
