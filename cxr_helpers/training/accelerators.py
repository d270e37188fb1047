"""The accelerator that Keras' backend uses: its name and the most of its memory that was in use."""

import keras


def name() -> str | None:
    """Return the first accelerator's name, such as "NVIDIA H100 80GB HBM3", or None where there is only the processor."""
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        return next((device.device_kind for device in jax.devices() if device.platform != "cpu"), None)
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU") if devices else None


def peak_memory() -> float | None:
    """Return the most memory (MB of 2**20 bytes) of the accelerator that this process has had in use, None without one."""
    if name() is None:
        return None
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif backend == "torch":
        import torch

        peak = torch.cuda.max_memory_allocated()
    else:
        import tensorflow as tf

        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None if peak is None else peak / 2**20
