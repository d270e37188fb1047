"""What runs an exported network in OpenVINO: images float32 (n, H, W, C) in 0..255 -> outputs float32 (n, units)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import numpy as np

from cxr_helpers.training.cached_features import Runner


def openvino(ov: ModuleType, path: Path, threads: int, bfloat16: bool = False) -> Runner:
    """Run several images one by one, each stream on a core of its own: an image's maps stay in the core's cache.

    A single image has all cores.
    """
    core = ov.Core()
    network = core.read_model(path)
    network.reshape([1, *list(network.inputs[0].partial_shape)[1:]])

    def one_by_one(request) -> Runner:
        return lambda images: np.concatenate([request.infer([image[None]], share_inputs=True)[0].copy() for image in images])

    def workers(streams: int) -> list[Runner]:
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "PERFORMANCE_HINT": "THROUGHPUT" if streams > 1 else "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if bfloat16 else "f32",  # unasked, some processors take bfloat16
        }
        compiled = core.compile_model(network, "CPU", settings)
        return [one_by_one(compiled.create_infer_request()) for _ in range(streams)]

    return _spread(workers, threads)


def _spread(workers: Callable[[int], list[Runner]], threads: int) -> Runner:
    """Return what gives a single image to one worker and several to one a thread; `workers(count)` makes so many, once."""
    made: dict[int, list[Runner]] = {}

    def run(images: np.ndarray) -> np.ndarray:
        images = np.ascontiguousarray(images, np.float32)
        count = min(threads, len(images))
        if count not in made:
            made[count] = workers(count)
        if count == 1:
            return made[1][0](images)
        with ThreadPoolExecutor(count) as pool:
            parts = list(pool.map(lambda place: made[count][place](images[place::count]), range(count)))
        out = np.empty((len(images), *parts[0].shape[1:]), np.float32)
        for place, part in enumerate(parts):
            out[place::count] = part
        return out

    return run
