"""The environment variables that libraries read when they are first imported, settled before that."""

import os
import sys

from cxr_helpers import paths

FOLDERS = (
    *("CXR_BUILD_DIR", "CXR_DATA_DIR", "CXR_EXTERNAL_DIR", "CXR_GEOMETRY", "CXR_SAMPLE_DIR"),
    *("CXR_WEIGHTS_DIR", "CXR_CHESTXRAY14_DIR", "CXR_SKIN_DIR", "CXR_BRAIN_DIR"),
)
DEFAULTS = {
    "KERAS_BACKEND": "tensorflow",
    "MPLBACKEND": "Agg",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # chapters that run side by side share one accelerator
}
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENCV_FOR_THREADS_NUM", "NUMBA_NUM_THREADS")


def settle() -> None:
    """Make folders absolute, since chapters run elsewhere, and fill in defaults; what is set already stays.

    Snakemake gives each job its share of the cores as OMP_NUM_THREADS, which not every library reads: pass it on.
    """
    # A check of web addresses that jsonschema takes along where it can: a grammar that takes 1.4 s to build whenever
    # notebooks are read, and that none of their fields needs.
    sys.modules.setdefault("rfc3987_syntax", None)
    for name in FOLDERS:
        path = paths.from_environment(name)
        if path:
            os.environ[name] = str(path)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    share = os.environ.get("OMP_NUM_THREADS")
    if share:
        for name in THREADS:
            os.environ.setdefault(name, share)
