"""Trained networks at work: backends, the published model, prediction, and the model made small."""
