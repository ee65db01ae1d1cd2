"""Images of objects and classes."""

from lesion_images import lesions

__all__ = ["lesions"]
