"""What the supplement, benchmarks and clusters need beyond the core, which never imports it."""
