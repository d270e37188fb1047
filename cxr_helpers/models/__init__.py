"""Networks as plain Keras, one a file, and the ImageNet weights that they start from."""
