"""Images in microscopes' own formats, by BioIO and its readers.

They are an extra, and imported only once such a file is met. The reader is named, so
that BioIO imports no other one to find out which of them takes the file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_pmrnet._software import needs
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import Calibration, names_of_channels
from napari_pmrnet.io.formats import Format, image_name
from napari_pmrnet.io.reading import reading, words
from napari_pmrnet.io.scenes import chosen, series_names

if TYPE_CHECKING:
    import dask.array as da

_READERS = {
    Format.CZI: "bioio_czi",
    Format.ND2: "bioio_nd2",
    Format.LIF: "bioio_lif",
    Format.DV: "bioio_dv",
    Format.OLYMPUS: "bioio_bioformats",
}
"""Modules, each with a class ``Reader``."""
_ORDERS = {3: [2, 1, 0], 4: [2, 1, 0, 3]}
"""Red, green, blue and alpha among the samples of a CZI file, by their number."""
_NO_NAME = "Channel:"
"""Begins the names that BioIO gives channels without one."""


class Scene(NamedTuple):
    """A Dask array, a letter an axis, calibration, name, whether it is in colour."""

    data: da.Array
    letters: str
    calibration: Calibration
    name: str
    rgb: bool


def open_scenes(path: Path, scene: int | None = None) -> list[Scene]:
    """Open scenes (positions, series) of a file without reading pixels.

    Parameters
    ----------
    path : Path
        Of a format in `MICROSCOPE`.
    scene : int, optional
        Number of the one that is opened, from 0; by default all are.

    Returns
    -------
    list of Scene
        Pixel sizes in micrometres, as BioIO has them, frame intervals in seconds.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another kind.
    SoftwareError
        If BioIO or the reader of the format is not installed; its text names the
        command that installs both.
    """
    image, names = _listed(path)
    titles = series_names(names, image_name(path))
    with intact(path):
        return [
            _scene(image, path, number, title)
            for number, title in chosen(list(enumerate(titles)), scene, path)
        ]


def microscope_scenes(path: Path) -> list[str]:
    """Names of the scenes of a file.

    Raises
    ------
    DataError, SoftwareError
        As `open_scenes`.
    """
    return _listed(path)[1]


def _listed(path: Path) -> tuple[Any, list[str]]:
    """The file, as BioIO opens it, and the names of its scenes."""
    _import(path)
    with intact(path):
        path.stat()
        image = _opened(path)
        names = [str(name) for name in image.scenes]
    if not names:
        raise DataError(f"{path}: holds no image.")
    return image, names


def intact(path: Path) -> AbstractContextManager[None]:
    """Turn whatever goes wrong with such a file into a sentence."""
    module = _module(path).replace("_", "-")
    return reading(path, "bioio", module, damaged=partial(_damaged, path))


def _import(path: Path) -> tuple[Any, type]:
    """BioIO, and its reader of the file."""
    with needs("formats", str(path)):
        return import_module("bioio"), import_module(_module(path)).Reader


def _opened(path: Path) -> Any:
    """The file, as BioIO opens it."""
    bioio, reader = _import(path)
    return bioio.BioImage(path, reader=reader)


def _module(path: Path) -> str:
    kind = Format.of(path)
    if kind not in _READERS:
        raise DataError(f"{path}: is of no microscope's format that is known.")
    return _READERS[kind]


def _damaged(path: Path, error: Exception) -> str:
    """Tell the user of a file that its reader cannot make sense of."""
    return (
        f"{path}: damaged, or not of the format that its name says ({words(error)}). "
        "Copy it again from its source, or save it as OME-TIFF."
    )


def _scene(image: Any, path: Path, number: int, name: str) -> Scene:
    """The scene of a number, which BioIO is to go on with."""
    image.set_scene(number)
    letters, pixels = str(image.dims.order).lower(), image.dask_data
    rgb = "s" in letters and pixels.shape[letters.index("s")] in _ORDERS
    every = map(str, image.channel_names or ())
    names = names_of_channels("" if n.startswith(_NO_NAME) else n for n in every)
    steps = dict(_lengths(image.physical_pixel_sizes))
    interval = getattr(image, "time_interval", None)
    if isinstance(interval, timedelta) and interval > timedelta():
        steps["t"] = interval.total_seconds(), "s"
    calibration = Calibration(steps, () if rgb else names)
    data = _colours(path, number, pixels) if rgb else pixels
    return Scene(data, letters, calibration, name, rgb)


def _colours(path: Path, scene: int, like: da.Array) -> da.Array:
    """A scene in colour, read as a whole once it is asked for.

    Read in parts by bioio-czi 3.0, all samples of a pixel are like the first.
    """
    import dask.array as da
    from dask.delayed import delayed

    pixels = delayed(_read_colours)(path, scene)
    return da.from_delayed(pixels, like.shape, like.dtype)


def _read_colours(path: Path, scene: int) -> np.ndarray:
    """A scene in colour; CZI files hold blue, green and red in this order."""
    image = _opened(path)
    image.set_scene(scene)
    pixels = np.asarray(image.data)
    if Format.of(path) is Format.CZI:
        return pixels[..., _ORDERS[pixels.shape[-1]]]
    return pixels


def _lengths(sizes: Sequence[float | None]) -> list[tuple[str, tuple[float, str]]]:
    """Steps along z, y and x that are known."""
    return [
        (axis, (float(size), "um"))
        for axis, size in zip("zyx", sizes, strict=True)
        if size is not None and math.isfinite(size) and size > 0
    ]
