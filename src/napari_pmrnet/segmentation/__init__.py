"""plane -> predict -> labels -> objects = Segmentation."""

from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment import Segmentation, segment, segment_steps
from napari_pmrnet.settings import Settings

__all__ = ["Progress", "Segmentation", "Settings", "segment", "segment_steps"]
