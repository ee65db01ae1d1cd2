"""File formats by the endings of names, all in one table."""

from __future__ import annotations

import re
import unicodedata
from enum import Enum
from pathlib import Path

FORBIDDEN_IN_NAMES = '<>:"/\\|?*'
"""Characters that names of files cannot have on some system."""
_NOT_OF_LAYERS = re.compile(rf"[{re.escape(FORBIDDEN_IN_NAMES)}\x00-\x1f]+")


class Format(Enum):
    """A format, whose value is the endings of its files, the usual one first."""

    TIFF = (".tif", ".tiff")
    PNG = (".png",)
    JPEG = (".jpg", ".jpeg")
    BMP = (".bmp",)
    ZARR = (".zarr",)
    CZI = (".czi",)
    ND2 = (".nd2",)
    LIF = (".lif",)
    DV = (".dv", ".r3d")
    OLYMPUS = (".oir", ".oib", ".vsi")
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
MICROSCOPE = (Format.CZI, Format.ND2, Format.LIF, Format.DV, Format.OLYMPUS)
"""Formats of microscopes, that the extra "formats" reads."""
IMAGE_ENDINGS = tuple(ending for one in IMAGES for ending in one.value)
READABLE = (*IMAGES, *MICROSCOPE)
READABLE_ENDINGS = tuple(ending for one in READABLE for ending in one.value)


def safe_name(name: str) -> str:
    """A name as a part of the name of a file on any system."""
    plain = unicodedata.normalize("NFC", name)
    kept = "".join(
        c if c.isprintable() and c not in FORBIDDEN_IN_NAMES else "_" for c in plain
    )
    return kept.strip(" .") or "_"


def layer_stem(name: str) -> str:
    """Name of a layer as files that are exported of it begin."""
    stem = _NOT_OF_LAYERS.sub("_", name).strip(" .") or "image"
    return Path(stem).stem if Format.of(stem) in READABLE else stem


def image_name(path: Path) -> str:
    """Name of a file without its ending, of ``.ome.tif`` without both."""
    return path.stem[:-4] if path.stem.lower().endswith(".ome") else path.stem
