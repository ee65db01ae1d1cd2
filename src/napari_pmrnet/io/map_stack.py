"""Labels and maps as the pages of one TIFF, each page with its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.tiff import TIFF_ENDINGS, open_tiff
from napari_pmrnet.io.units import PIXEL
from napari_pmrnet.io.write import checked_target, replace_file

LARGEST_EXACT = 1 << 24


def write_stack(
    path: str | Path,
    pages: Mapping[str, np.ndarray],
    pixel_size: tuple[float, float] = (1.0, 1.0),
    unit: str = PIXEL,
) -> Path:
    """Write images of one shape as the channels of one TIFF that Fiji opens.

    All are float32, which ImageJ asks of a stack: labels up to 16,777,215 are exact.

    Parameters
    ----------
    path : str or Path
        File to write, ending in .tif or .tiff; without an ending .tif is added.
    pages : mapping of ndarray, each (H, W)
        Images by name, such as ``labels``, ``certainty`` and ``boundary``.
    pixel_size : (float, float)
        Height and width of a pixel.
    unit : str
        Unit of `pixel_size`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If shapes differ, a label is too large to be kept, or the file cannot be
        written.
    """
    target = checked_target(path, TIFF_ENDINGS)
    shapes = {name: image.shape for name, image in pages.items()}
    if len(set(shapes.values())) != 1:
        raise DataError(f"{target}: the pages differ in shape: {shapes}.")
    for name, image in pages.items():
        if image.dtype.kind in "iu" and image.max(initial=0) >= LARGEST_EXACT:
            raise DataError(
                f"{target}: '{name}' holds numbers above {LARGEST_EXACT - 1}, which "
                "float pixels do not keep. Number the labels sequentially first."
            )
    stacked = np.stack([np.asarray(image, np.float32) for image in pages.values()])
    replace_file(
        target,
        lambda stream: tifffile.imwrite(
            stream,
            stacked,
            imagej=True,
            resolution=(1 / pixel_size[1], 1 / pixel_size[0]),
            metadata={"axes": "CYX", "unit": unit, "Labels": list(pages)},
        ),
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
        stacked = tiff.asarray()
    if isinstance(names, str):
        names = [names]
    stacked = stacked[None] if stacked.ndim == 2 else stacked
    if not names or len(names) != len(stacked):
        raise DataError(f"{path}: its pages have no names. Was it saved by PMRNet?")
    return dict(zip(names, stacked, strict=True))
