"""The names of `selection`, `statistics` and `formatting` in one place, for chapters that are not moved to these yet."""

from cxr_helpers.tables.formatting import cell, interval, phrase, setting, signed  # noqa: F401
from cxr_helpers.tables.selection import (  # noqa: F401
    CLASSES,
    THRESHOLD,
    answers,
    best_on_validation,
    examples,
    pooled,
    scores,
    thresholds,
)
from cxr_helpers.tables.statistics import ablation, cost_table, differences, metric_table, seed_table  # noqa: F401
from cxr_helpers.tables.statistics import performance as system_table  # noqa: F401
