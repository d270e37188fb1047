"""Statistics of decisions, masks, maps and measurements: arrays and tables in, figures with intervals out."""
