"""Images to learn nuclei, objects and classes of."""

from lesion_images import lesions
from small_training import data

__all__ = ["data", "lesions"]
