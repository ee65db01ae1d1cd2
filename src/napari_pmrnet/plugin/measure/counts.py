"""Nuclei of all measured images of a viewer, counted by image, by well and by class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
from napari.layers import Labels

from napari_pmrnet.batch.counts import Counts
from napari_pmrnet.batch.plate import plate_of, position_of
from napari_pmrnet.batch.summary import Row
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
    file : str
        Path of its image, or its name where it has no file.
    measured : mapping of DataFrame
        What was measured of other images by their file, columns named as in files. Of
        an image with several measured layers it is the topmost.
    """

    file: str
    measured: Mapping[str, pd.DataFrame]

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
                file = _file_of(other, layers, names)
                tables[file] = table.rename(columns=heads(unit))
        own = _file_of(layer, layers, names)
        return cls(own, {file: t for file, t in tables.items() if file != own})

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
        for file, found in sorted({**self.measured, self.file: table}.items()):
            counts.add(Row(file), found)
        return counts

    def in_well(self, table: pd.DataFrame) -> tuple[str, int, pd.DataFrame]:
        """What was measured in the well of the layer.

        Returns
        -------
        str, int, DataFrame
            Name of the well, empty if it is not known or no other image of it was
            measured; number of its images; their tables together.
        """
        well, plate = position_of(self.file).well, plate_of(self.file)
        own = [
            found
            for file, found in self.measured.items()
            if position_of(file).well == well and plate_of(file) == plate
        ]
        if not well or not own:
            return "", 1, table
        return well, 1 + len(own), pd.concat([table, *own])


def _file_of(layer: Labels, layers: Sequence[Any], names: Sequence[str]) -> str:
    """Path of the image of a layer, or its name where it has no file."""
    image = image_for(layer, layers, names)
    path = None if image is None else image.source.path
    return str(path or image_name_of(layer) or layer.name)
