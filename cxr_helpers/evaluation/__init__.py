"""Statistics of scores, masks and measurements: arrays and tables in, figures with intervals out; records are unknown here."""
