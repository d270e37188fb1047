"""Shared work of the chest X-ray report: data, training, evaluation, explanation, rendering.

Importing the package is cheap; modules that need Keras import it when they are called.
"""

import logging

# TensorFlow warns of every function that it traces anew; in a notebook it sets its own level, so that only a filter holds.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
