"""Files, processes, progress and the environment: what every other room stands on."""
