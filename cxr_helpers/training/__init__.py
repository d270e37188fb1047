"""From a configuration to a run record: augmentation, fitting, and the models that runs leave."""

from cxr_helpers.training.runs import fit_or_load, train

__all__ = ["fit_or_load", "train"]
