"""Network architectures as Keras graphs, and the ImageNet weights that they start from."""
