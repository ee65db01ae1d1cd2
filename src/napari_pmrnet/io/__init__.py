"""Images and labels from and to files, with pixel size, units and axes."""

from __future__ import annotations

from napari_pmrnet.io.formats import IMAGE_ENDINGS
from napari_pmrnet.io.images import ImageData, read_image
from napari_pmrnet.io.labels import smallest_unsigned_dtype, write_labels

__all__ = [
    "IMAGE_ENDINGS",
    "ImageData",
    "read_image",
    "smallest_unsigned_dtype",
    "write_labels",
]
