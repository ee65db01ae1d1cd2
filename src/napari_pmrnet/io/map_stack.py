"""Labels and maps as the pages of one TIFF, each page with its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import imagej_mirroring, imagej_origin
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.tiff import open_tiff, read_pages
from napari_pmrnet.io.write import checked_target, replace_file

LARGEST_EXACT = 1 << 24
LARGEST = 2**32 - 2**25
"""Bytes of pixels that a file of ImageJ holds."""


def write_stack(
    path: str | Path,
    pages: Mapping[str, np.ndarray],
    space: Space | None = None,
    *,
    overwrite: Overwrite = False,
) -> Path:
    """Write images of one shape as the channels of one TIFF that Fiji opens.

    All are float32, which ImageJ asks of a stack: labels up to 16,777,215 are exact.

    Parameters
    ----------
    path : str or Path
        File to write, ending in .tif or .tiff; without an ending .tif is added.
    pages : mapping of ndarray, each (H, W)
        Images by name, such as ``labels``, ``certainty`` and ``boundary``.
    space : Space, optional
        Size of a pixel, and place; by default one pixel at the origin.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If shapes differ, a label is too large to be kept, the file would be above
        4 GB or cannot be written.
    """
    space = space or Space()
    target = checked_target(path, Format.TIFF, overwrite)
    shapes = {name: image.shape for name, image in pages.items()}
    if len(set(shapes.values())) != 1:
        raise DataError(f"{target}: the pages differ in shape: {shapes}.")
    size = sum(image.size for image in pages.values()) * np.float32().itemsize
    if size > LARGEST:
        raise DataError(
            f"{target}: {len(pages)} pages of this size are above the 4 GB that a TIFF "
            "of ImageJ holds. Write the labels alone, or crop the image."
        )
    for name, image in pages.items():
        if image.dtype.kind in "iu" and image.max(initial=0) >= LARGEST_EXACT:
            raise DataError(
                f"{target}: '{name}' holds numbers above {LARGEST_EXACT - 1}, which "
                "float pixels do not keep. Number the labels sequentially first."
            )
    stacked = np.stack([np.asarray(image, np.float32) for image in pages.values()])
    height, width = space.pixel_size
    replace_file(
        target,
        lambda stream: tifffile.imwrite(
            stream,
            stacked,
            imagej=True,
            resolution=(1 / width, 1 / height),
            metadata={
                "axes": "CYX",
                "unit": space.unit,
                **imagej_origin(space),
                **imagej_mirroring(space),
                "Labels": list(pages),
            },
        ),
        overwrite,
    )
    return target


def read_stack(path: str | Path) -> dict[str, np.ndarray]:
    """Pages of a TIFF of `write_stack` by name, each float32 (H, W).

    Raises
    ------
    DataError
        If the file cannot be read or its pages have no names.
    """
    with open_tiff(path) as tiff:
        names = (tiff.imagej_metadata or {}).get("Labels")
        stacked = read_pages(tiff.series[0], Path(path))
    if isinstance(names, str):
        names = [names]
    stacked = stacked[None] if stacked.ndim == 2 else stacked
    if not names or len(names) != len(stacked):
        raise DataError(f"{path}: its pages have no names. Was it saved by PMRNet?")
    return dict(zip(names, stacked, strict=True))
