"""From a configuration to a run record: augmentation, fitting, and the models that runs leave."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"runs": ["fit_or_load", "train"]})
