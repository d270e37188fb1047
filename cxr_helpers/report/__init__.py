"""From executed notebooks to one HTML page and one PDF."""
