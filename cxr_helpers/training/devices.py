"""The accelerator that Keras' backend uses: its name and the most of its memory that was in use."""

from cxr_helpers.base import lazy

keras, tensorflow, jax, torch = map(lazy.module, ("keras", "tensorflow", "jax", "torch"))


def accelerator() -> str | None:
    """Return the first accelerator's name, such as "NVIDIA H100 80GB HBM3", or None where there is only the processor."""
    if keras.backend.backend() == "jax":
        return next((device.device_kind for device in jax.devices() if device.platform != "cpu"), None)
    if keras.backend.backend() == "torch":
        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    found = tensorflow.config.list_physical_devices("GPU")
    return tensorflow.config.experimental.get_device_details(found[0]).get("device_name", "GPU") if found else None


def peak_memory() -> float | None:
    """Return the most memory (MB of 2**20 bytes) of the accelerator that this process has had in use, None without one."""
    if accelerator() is None:
        return None
    if keras.backend.backend() == "jax":
        peak = (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif keras.backend.backend() == "torch":
        peak = torch.cuda.max_memory_allocated()
    else:
        peak = tensorflow.config.experimental.get_memory_info("GPU:0")["peak"]
    return None if peak is None else peak / 2**20
