"""Networks beside those of the thesis."""
