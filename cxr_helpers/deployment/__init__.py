"""The final model made small and quick: split, distilled, quantised, pruned, exported; what is deployed is chosen on validation."""
