"""The final model made small and quick: split, quantised, pruned, exported; what is deployed is chosen on validation."""
