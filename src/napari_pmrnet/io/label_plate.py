"""Labels of a plate as an OME-Zarr plate of their own (format 0.4).

Every field has its labels in the group ``labels``, as the format has them beside an
image. The image of a field, which readers of plates ask for, is the same array and no
copy of the pixels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet.io.label_zarr import (
    LEVEL,
    create_label_zarr,
    is_label_zarr,
    label_tag,
)
from napari_pmrnet.io.ome_model import (
    image_attributes,
    labels_attributes,
    plate_attributes,
    well_attributes,
)
from napari_pmrnet.io.ome_zarr import import_ome_zarr
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.io.space import Space

if TYPE_CHECKING:
    import zarr

LABELS, OF = "labels", "labels_of"


def is_label_plate(path: Path) -> bool:
    """Tell whether a folder is a plate that `LabelPlate` has written."""
    try:
        told = json.loads((path / ".zattrs").read_text(encoding="utf-8"))
        return "plate" in told and OF in told[METADATA_KEY]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def labels_of_field(field: Path) -> Path | None:
    """The Zarr with the labels of a field of such a plate; None if there is none."""
    found = filter(is_label_zarr, sorted((field / LABELS).glob("*")))
    return next(found, None)


class LabelPlate:
    """A plate of labels, written field by field where there is nothing yet.

    Parameters
    ----------
    path : Path
        Folder to make.
    name : str
        Of the plate.
    source : str
        Path of the plate that the labels are of, for those who look for it.

    Raises
    ------
    SoftwareError
        If what writes OME-Zarr is missing or does not fit.
    OSError
        If the folder cannot be made, or is there already.
    """

    def __init__(self, path: Path, name: str, source: str) -> None:
        self.path, self.name, self.source = path, name, source
        self._zarr = import_ome_zarr(path)
        self._zarr.open_group(path, mode="w-", zarr_format=2)
        self._wells: dict[str, list[str]] = {}

    def add(
        self,
        field: str,
        kind: str,
        shape: tuple[int, ...],
        space: Space,
        made: Provenance,
    ) -> zarr.Array:
        """Make the empty labels of a field.

        Parameters
        ----------
        field : str
            Path of its image in a plate, such as ``A/1/0``.
        kind : str
            What is labelled, such as ``"nuclei"``; the name of the labels.
        shape : tuple of int
        space : Space
        made : Provenance

        Returns
        -------
        zarr.Array of int32
        """
        row, column, image = field.split("/")
        well, place = f"{row}/{column}", self.path / row / column / image
        for group in (self.path / row, self.path / well, place, place / LABELS):
            self._zarr.open_group(group, mode="a", zarr_format=2)
        labels = place / LABELS / kind
        array = create_label_zarr(
            labels, shape, name=kind, space=space, provenance=made, source="../../"
        )
        self._say(place / LABELS, labels_attributes([kind]))
        level = f"{LABELS}/{kind}/{LEVEL}"
        self._say(place, image_attributes(image, level, label_tag(labels).space))
        self._wells.setdefault(well, []).append(image)
        return array

    def finish(self) -> None:
        """Say which wells and images there are; at least one field was added."""
        for well, images in self._wells.items():
            self._say(self.path / well, well_attributes(images))
        source = {METADATA_KEY: {OF: self.source}}
        self._say(self.path, plate_attributes(self.name, self._wells) | source)

    def _say(self, group: Path, attributes: dict[str, Any]) -> None:
        self._zarr.open_group(group, mode="r+").attrs.update(attributes)
