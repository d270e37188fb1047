"""Hand files that are neither JPEG nor PNG to the reader of DICOM, whose library takes half a second to load."""

import numpy as np

from cxr_helpers.base import lazy

dicom = lazy.module("cxr_helpers.extras.inference.dicom")

_OTHERS = (b"\xff\xd8", b"\x89PNG")  # how JPEG and PNG begin


def read(data: bytes) -> tuple[np.ndarray, str] | None:
    """Return what `dicom.read` makes of a file's bytes; None where they are of another format."""
    return None if data.startswith(_OTHERS) else dicom.read(data)
