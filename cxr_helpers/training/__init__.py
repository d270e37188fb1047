"""From a configuration to a run record: augmentation, fitting, and the models that runs leave."""
