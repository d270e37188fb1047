"""Sets beside the Guangzhou one, each read in the layout in which it is published."""
