"""OME-Zarr plates for tests, written by the package yaozarrs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from napari_pmrnet.io.ome_model import plate_attributes, well_attributes

FIELDS = [("A", "1", "0"), ("A", "1", "1"), ("B", "12", "0")]
STEP = 0.5


def image_of(array: np.ndarray) -> tuple[Any, list[np.ndarray]]:
    """An image of format 0.5 with two levels, and their pixels."""
    from yaozarrs import v05

    levels = [
        v05.Dataset(
            path=str(level),
            coordinateTransformations=[v05.ScaleTransformation(scale=[step, step])],
        )
        for level, step in enumerate((STEP, 2 * STEP))
    ]
    axes = [v05.SpaceAxis(name=name, unit="micrometer") for name in "yx"]
    model = v05.Multiscale(axes=axes, datasets=levels)
    return v05.Image(multiscales=[model]), [array, array[::2, ::2]]


def write_plate(
    path: Path,
    fields: Iterable[tuple[str, str, str]] = FIELDS,
    pixels: Callable[[int], np.ndarray] = lambda number: np.zeros((9, 8), np.uint8),
) -> Path:
    """A plate of format 0.5 with an image of two levels in each field."""
    from yaozarrs.write.v05 import write_plate as write

    images = {field: image_of(pixels(i)) for i, field in enumerate(fields)}
    return Path(write(path, images, writer="zarr"))


def write_named_plate(
    path: Path, wells: list[str], pixels: Callable[[int], np.ndarray]
) -> Path:
    """A plate of one image a well, with names that yaozarrs does not write."""
    from yaozarrs.write.v05 import write_image

    say(path, plate_attributes("p", wells))
    for number, well in enumerate(wells):
        say(path / well, well_attributes(["0"]))
        write_image(path / well / "0", *image_of(pixels(number)), writer="zarr")
    return path


def say(group: Path, attributes: dict[str, Any]) -> None:
    """Make a group of format 0.4 with attributes, but without arrays."""
    group.mkdir(parents=True, exist_ok=True)
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    (group / ".zattrs").write_text(json.dumps(attributes))


def change(group: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change what a group of format 0.5 says under ``ome``."""
    file = group / "zarr.json"
    told = json.loads(file.read_text("utf-8"))
    edit(told["attributes"]["ome"])
    file.write_text(json.dumps(told), "utf-8")
