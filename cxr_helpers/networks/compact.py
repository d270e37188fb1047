"""A saved network in fewer bytes: kernels at half precision, weights compressed without loss. It loads as any other."""

import io
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras

WEIGHTS = "model.weights.h5"  # in a .keras archive


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
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name)
            # A fixed date: the same network gives the same file.
            target.writestr(zipfile.ZipInfo(name), _compressed(content) if name == WEIGHTS else content, zipfile.ZIP_DEFLATED)


def _compressed(weights: bytes) -> bytes:
    """Return an HDF5 file with every array compressed, bytes of one place together: those that rounding cleared take no room."""
    target = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as source, h5py.File(target, "w", libver="latest") as new:

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
