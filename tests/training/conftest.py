"""Images to learn nuclei, objects and classes of."""

from lesion_images import lesions
from quick_training import quick_epochs
from small_training import data

__all__ = ["data", "lesions", "quick_epochs"]
