"""Images too large for memory: read, segmented and written block by block."""

from napari_pmrnet.large.plane import LargePlane
from napari_pmrnet.large.segment import (
    LargeSegmentation,
    segment_large,
    segment_large_steps,
)

__all__ = [
    "LargePlane",
    "LargeSegmentation",
    "segment_large",
    "segment_large_steps",
]
