"""File formats by the endings of names, all in one table."""

from __future__ import annotations

from enum import Enum
from pathlib import Path


class Format(Enum):
    """A format, whose value is the endings of its files, the usual one first."""

    TIFF = (".tif", ".tiff")
    PNG = (".png",)
    JPEG = (".jpg", ".jpeg")
    BMP = (".bmp",)
    ZARR = (".zarr",)
    CSV = (".csv",)
    ZIP = (".zip",)
    GEOJSON = (".geojson", ".json")
    PRESET = (".pmrnet-preset",)
    ONNX = (".onnx",)

    @property
    def ending(self) -> str:
        """The usual ending, such as ``.tif``."""
        return self.value[0]

    @classmethod
    def of(cls, path: str | Path) -> Format | None:
        """Format that the ending of a name stands for; None if it is not known.

        Parameters
        ----------
        path : str or Path
            Of a file or folder, existing or not. Case does not matter.
        """
        ending = Path(path).suffix.lower()
        return next((one for one in cls if ending in one.value), None)


IMAGES = (Format.TIFF, Format.PNG, Format.JPEG)
"""Formats of image files, beside OME-Zarr folders, that are known by their content."""
IMAGE_ENDINGS = tuple(ending for one in IMAGES for ending in one.value)


def image_name(path: Path) -> str:
    """Name of a file without its ending, of ``.ome.tif`` without both."""
    return path.stem[:-4] if path.stem.lower().endswith(".ome") else path.stem
