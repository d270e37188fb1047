"""A saved network in fewer bytes: kernels at half precision, weights compressed without loss. It loads as any other.

It also loads with older versions of Keras and h5py than it was saved by: what only newer ones know is left out.
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"  # in a .keras archive
_LAYOUT = ("v110", "v110")  # of HDF5; the latest cannot be read by every h5py that the project allows
_ZEROS = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
# Arguments of layers that older versions do not have, with the values that they have where nobody set them.
_NEWER = {"quantization_config": None, "renorm": False, "renorm_clipping": None, "renorm_momentum": 0.99}


def save(model: keras.Model, path: Path) -> None:
    """Save a network to `path` (.keras) with its kernels rounded to what float16 holds; the model itself stays as it is.

    Vectors (biases, statistics) keep their precision: they are few, and some leave float16's range.
    """
    rounded = keras.models.clone_model(model)
    rounded.set_weights([each.astype("float16").astype(each.dtype) if each.ndim > 1 else each for each in model.get_weights()])
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "whole.keras"
        rounded.save(whole, include_optimizer=False)
        plain = io.BytesIO(whole.read_bytes())
    change = {
        WEIGHTS: _compressed,
        CONFIG: lambda config: json.dumps(json.loads(config, object_hook=_portable)).encode(),
        METADATA: lambda said: json.dumps({k: v for k, v in json.loads(said).items() if k != "date_saved"}).encode(),
    }
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = change.get(name, bytes)(source.read(name))
            target.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)  # without a date, either


def _portable(part: dict) -> dict:
    """Return a part of a configuration without new arguments that nobody set; weights begin at zero: the file brings them."""
    kept = {key: value for key, value in part.items() if key not in _NEWER or value != _NEWER[key]}
    if str(kept.get("module")).startswith("keras.src.ops"):  # an operation's name stands beside its configuration, too
        kept["config"].pop("name", None)
    return {key: _ZEROS if key.endswith("_initializer") and value else value for key, value in kept.items()}


def _compressed(weights: bytes) -> bytes:
    """Return an HDF5 file with every array compressed, bytes of one place together: those that rounding cleared take no room."""
    target = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(target, "w", libver=_LAYOUT) as new:

        def copy(name: str, item) -> None:
            if isinstance(item, h5py.Group):
                made = new.require_group(name)
            else:
                packed = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "chunks": item.shape}
                made = new.create_dataset(name, data=item[()], **(packed if item.ndim > 1 else {}))
            made.attrs.update(item.attrs)

        new.attrs.update(source.attrs)
        source.visititems(copy)
    return target.getvalue()
