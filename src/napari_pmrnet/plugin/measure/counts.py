"""Nuclei of all measured images of a viewer, counted by image, by well and by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from napari.layers import Labels

from napari_pmrnet.batch.counts import Counts
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.plugin.layers.image_file import place_of
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.source_image import image_for, image_name_of
from napari_pmrnet.plugin.measure.kept import measured_of
from napari_pmrnet.proofreading.measure import heads

if TYPE_CHECKING:
    from napari_pmrnet.proofreading.classes import Classes


@dataclass(frozen=True)
class Company:
    """A Labels layer among the others of a viewer.

    Attributes
    ----------
    image : Row
        Path of its image, or its name where it has no file; and what tells it apart
        from others of the file or plate.
    measured : mapping of DataFrame
        What was measured of other images, columns named as in files. Of an image with
        several measured layers it is the topmost.
    """

    image: Row
    measured: Mapping[Row, pd.DataFrame]

    @classmethod
    def of(cls, layer: Labels, layers: Sequence[Any], names: Sequence[str]) -> Company:
        """The company of a layer.

        Parameters
        ----------
        layer : napari.layers.Labels
        layers : sequence of napari.layers.Layer
            Of the viewer.
        names : sequence of str
            ``viewer.dims.axis_labels``.
        """
        tables = {}
        for other in layers:
            known = measured_of(other) if isinstance(other, Labels) else None
            if known is not None and plain(other) is not plain(layer):
                table, unit = known
                image = _image_of(other, layers, names)
                tables[image] = table.rename(columns=heads(unit))
        own = _image_of(layer, layers, names)
        return cls(own, {image: t for image, t in tables.items() if image != own})

    def counts(self, table: pd.DataFrame, classes: Iterable[Classes]) -> Counts:
        """Count the nuclei of all images.

        Parameters
        ----------
        table : DataFrame
            What was measured of the layer itself, columns named as in files.
        classes : iterable of Classes
            Their columns too.
        """
        counts = Counts(tuple(classes))
        every = {**self.measured, self.image: table}
        for image in sorted(every, key=lambda one: (one.file, one.scene_number or 0)):
            counts.add(image, every[image])
        return counts

    def in_well(self, table: pd.DataFrame) -> tuple[str, int, pd.DataFrame]:
        """What was measured in the well of the layer.

        Returns
        -------
        str, int, DataFrame
            Name of the well, empty if it is not known or no other image of it was
            measured; number of its images; their tables together.
        """
        well, plate = self.image.position.well, self.image.on_plate
        own = [
            found
            for image, found in self.measured.items()
            if image.position.well == well and image.on_plate == plate
        ]
        if not well or not own:
            return "", 1, table
        return well, 1 + len(own), pd.concat([table, *own])


def _image_of(layer: Labels, layers: Sequence[Any], names: Sequence[str]) -> Row:
    """The image of a layer, by its name where it has no file."""
    image = image_for(layer, layers, names)
    place = None if image is None else place_of(image)
    if place is None:
        return Row(image_name_of(layer) or layer.name)
    return Row.of(place, str)
