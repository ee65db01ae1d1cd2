"""Labels too large for memory: one OME-Zarr folder of a single level."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.ome_zarr import import_zarr, readable
from napari_pmrnet.io.provenance import TAG
from napari_pmrnet.io.units import OME_UNITS, PIXEL, canonical_unit

if TYPE_CHECKING:
    import zarr

    from napari_pmrnet.settings import Settings

ENDING = ".zarr"
CHUNK = 1024
LEVEL = "0"
_TYPES = {"t": "time", "z": "space", "y": "space", "x": "space"}


def create_label_zarr(
    path: Path,
    shape: Sequence[int],
    *,
    name: str,
    axes: Sequence[str] = ("y", "x"),
    scale: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
    settings: Settings | None = None,
    weights_hash: str | None = None,
) -> zarr.Array:
    """Make an empty label image on disk, in place of any that is there.

    The folder is OME-Zarr 0.4 (Zarr 2) of a single level, since napari can edit that
    and every reader of OME-Zarr opens it.

    Parameters
    ----------
    path : Path
        Folder to make, ending in ``.zarr``.
    shape : sequence of int
        y and x last.
    name : str
        Of the image, for those who open it.
    axes : sequence of str
        Letters of the axes: t, z, y, x.
    scale : sequence of float, optional
        Step along each axis, in `units`; by default 1.
    units : sequence of str, optional
        Unit of each axis; by default pixels.
    settings : Settings, optional
        Settings that made the labels.
    weights_hash : str, optional
        SHA-256 of the weights that made them.

    Returns
    -------
    zarr.Array of int32
        All zero, in chunks of `CHUNK` pixels. Empty chunks take no room.

    Raises
    ------
    SoftwareError
        If zarr is missing or does not fit.
    OSError
        If the folder cannot be made.
    """
    zarr = import_zarr(path)
    if path.exists():
        shutil.rmtree(path)
    group = zarr.open_group(path, mode="w", zarr_format=2)
    levels = tuple(min(n, CHUNK) for n in shape[-2:])
    array = group.create_array(
        LEVEL,
        shape=tuple(shape),
        chunks=(*[1] * (len(shape) - 2), *levels),
        dtype="int32",
        fill_value=0,
        chunk_key_encoding={"name": "v2", "separator": "/"},
    )
    group.attrs.update(
        _metadata(
            name,
            axes,
            scale or [1.0] * len(shape),
            units or [PIXEL] * len(shape),
            settings,
            weights_hash,
        )
    )
    return array


def open_label_zarr(path: str | Path, mode: str = "r+") -> zarr.Array:
    """Open a label image that `create_label_zarr` made, for editing or reading.

    Parameters
    ----------
    path : str or Path
    mode : str
        ``"r+"`` or ``"r"``.

    Returns
    -------
    zarr.Array of int32

    Raises
    ------
    DataError
        If it is none, or is damaged.
    SoftwareError
        If zarr is missing or does not fit.
    """
    zarr = import_zarr(path)
    if not is_label_zarr(path):
        raise DataError(
            f"{path}: holds no labels of napari-pmrnet. Choose a folder ending in "
            f"{ENDING} that it wrote."
        )
    with readable(Path(path)):
        return zarr.open_group(path, mode=mode)[LEVEL]


def is_label_zarr(path: str | Path) -> bool:
    """Whether a folder is a label image of ours, without opening it."""
    return _origin(path) is not None


def label_origin(path: str | Path) -> dict[str, Any]:
    """Axes, scale, units, settings and weights' hash that a label image carries.

    Raises
    ------
    DataError
        If it is none of ours.
    """
    found = _origin(path)
    if found is None:
        raise DataError(f"{path}: holds no labels of napari-pmrnet.")
    return found


def _origin(path: str | Path) -> dict[str, Any] | None:
    try:
        text = (Path(path) / ".zattrs").read_text(encoding="utf-8")
        found = json.loads(text).get(TAG)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, dict) else None


def _metadata(
    name: str,
    axes: Sequence[str],
    scale: Sequence[float],
    units: Sequence[str],
    settings: Settings | None,
    weights_hash: str | None,
) -> dict[str, Any]:
    """Attributes of the group: those of OME-Zarr 0.4, and our own."""
    units = [canonical_unit(unit) for unit in units]
    described = [
        {"name": axis, "type": _TYPES.get(axis, "space")}
        | ({"unit": OME_UNITS[unit]} if unit in OME_UNITS else {})
        for axis, unit in zip(axes, units, strict=True)
    ]
    step = {"type": "scale", "scale": [float(s) for s in scale]}
    return {
        "multiscales": [
            {
                "version": "0.4",
                "name": name,
                "axes": described,
                "datasets": [{"path": LEVEL, "coordinateTransformations": [step]}],
            }
        ],
        "image-label": {"version": "0.4"},
        TAG: {
            "axes": list(axes),
            "scale": [float(s) for s in scale],
            "units": units,
            "settings": None if settings is None else settings.as_dict(),
            "weights_hash": weights_hash,
        },
    }
