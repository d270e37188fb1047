"""The cascading randomisation of Adebayo et al. (2018): a trained network loses its weights from the top layer down."""

import keras
import numpy as np

from cxr_helpers.errors import CxrError


def randomised(model: keras.Model, part: int, parts: int, seed: int = 0) -> keras.Model:
    """Return a copy of a model whose topmost `part` of `parts` is random; with `part` equal to `parts` all of it is.

    The layers that have weights are cut into parts of about equal number, the output layer belonging to the first. A random
    layer has the start that training would give it. The model itself stays as it is.

    Raises:
        CxrError: the model has fewer layers with weights than `parts`, or `part` is none of them.
    """
    weighty = [place for place, layer in enumerate(model.layers) if layer.weights][::-1]
    if not 1 <= part <= parts <= len(weighty):
        raise CxrError(f"part={part} of parts={parts} does not exist; model {model.name} has {len(weighty)} layers to cut.")
    keras.utils.set_random_seed(seed)
    copy = keras.models.clone_model(model)  # with the start of training
    for place in np.concatenate([*np.array_split(weighty, parts)[part:], []]).astype(int):
        copy.layers[place].set_weights(model.layers[place].get_weights())
    return copy
