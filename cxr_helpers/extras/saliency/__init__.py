"""Further explanation methods, and their measurement beside truth and controls."""
