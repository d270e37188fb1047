"""Time and memory on the machine at hand, measured side by side."""
