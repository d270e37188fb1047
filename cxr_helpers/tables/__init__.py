"""What the chapters say: run records and measurements in, tables out."""
