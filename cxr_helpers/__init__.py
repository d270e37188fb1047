"""Shared work of the chest X-ray report: data, training, evaluation, explanation, rendering.

Importing the package is cheap; modules that need Keras import it when they are called.
"""
