"""Copy of a Labels layer to measure.

Everything here runs without a window. `Specimen.of` copies what the user could change;
what it gives is worked on in another thread.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.io.units import canonical_unit
from napari_pmrnet.plugin.layers.axes import (
    axis_names,
    first_level,
    plane_on_show,
    plane_title,
)
from napari_pmrnet.plugin.layers.pixel_size import pixel_size, pixel_unit
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.layers.spaces import plane_space
from napari_pmrnet.plugin.measure.channels import channels_of
from napari_pmrnet.plugin.measure.classes import classes_of
from napari_pmrnet.plugin.measure.kept import known_flags, with_flags
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.intensities import Options
from napari_pmrnet.proofreading.measure import at_place, measure_steps
from napari_pmrnet.proofreading.place import AXIS
from napari_pmrnet.proofreading.queue import axes_of
from napari_pmrnet.proofreading.tracks import Axis
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Labels

    from napari_pmrnet.proofreading.classes import Classes


@dataclass(frozen=True)
class Specimen:
    """Nuclei to be measured, and what they are measured on.

    Attributes
    ----------
    name : str
        Of the Labels layer.
    labels : Plane
    channels : dict of Plane
        By name.
    pixel_size : (float, float)
    unit : str
        Of `pixel_size`.
    flags : DataFrame
        The columns `FLAGS` by label, as far as they are known.
    maps : mapping of ndarray
        Such as ``certainty`` and ``boundary``; empty for labels made elsewhere.
    scale, origin : (float, float)
        Step along y and x with its sign, and place of the first pixel.
    plane : str
        Which plane of a stack of labels this is; empty for a plain one.
    fault : str
        Why there is no channel, if there is none.
    classes : Classes, optional
        That the nuclei are told apart by.
    place : tuple of int
        The plane's place along the axes before y and x.
    axes : tuple of Axis
        These axes.
    certainties : Series or None
        By label, of one plane of a stack, in the place of those of `flags`.
    """

    name: str
    labels: Plane
    channels: dict[str, Plane]
    pixel_size: tuple[float, float]
    unit: str
    flags: pd.DataFrame
    maps: Mapping[str, np.ndarray] = field(default_factory=dict)
    scale: tuple[float, float] = (1.0, 1.0)
    origin: tuple[float, float] = (0.0, 0.0)
    plane: str = ""
    fault: str = ""
    classes: Classes | None = None
    place: tuple[int, ...] = ()
    axes: tuple[Axis, ...] = ()
    certainties: pd.Series | None = None

    @classmethod
    def of(cls, layer: Labels, layers: Iterable[Any], dims: Dims) -> Specimen:
        """The plane of a Labels layer on show, not copied yet."""
        return cls._on_show(layer, layers, dims, _certainties(layer))

    @classmethod
    def _on_show(
        cls,
        layer: Labels,
        layers: Iterable[Any],
        dims: Dims,
        certainties: Mapping[tuple[int, ...], pd.Series],
    ) -> Specimen:
        """The plane on show, with the certainties of its place."""
        session, result = session_of(layer), result_of(layer)
        maps: Mapping[str, np.ndarray] = {}
        if session is not None:
            labels, maps = Plane([session.review.labels]), session.review.nuclei.maps
        else:
            labels = labels_on_show(layer, dims.point)
            if result is not None:
                # Maps of a stack, of which one plane is measured.
                maps = {
                    name: values[labels.place] if values.ndim > 2 else values
                    for name, values in result.segmentation.maps.items()
                }
        channels, fault = channels_of(layer, labels.shape, result, list(layers), dims)
        place = plane_on_show(layer, dims.point)
        scale, origin = _place(layer)
        review = None if session is None else session.course.planes[place]
        flags = known_flags(layer) if review is None else review.flags()
        return cls(
            layer.name,
            labels,
            channels,
            pixel_size(layer),
            unit_of(layer),
            flags,
            maps,
            scale,
            origin,
            plane_title(layer, place, dims.axis_labels),
            fault,
            classes_of(layer),
            place,
            axes_of_planes(layer, dims.axis_labels),
            certainties.get(place),
        )

    @classmethod
    def of_all(
        cls, layer: Labels, layers: Iterable[Any], dims: Dims
    ) -> dict[tuple[int, ...], Specimen]:
        """Every plane of a Labels layer by its place, not copied yet."""
        certainties, every = _certainties(layer), {}
        shown = cls._on_show(layer, layers, dims, certainties)
        session, shape = session_of(layer), first_level(layer).shape[:-2]
        flags = {} if session is None else planes.flags_by_plane(session.course)
        for place in np.ndindex(*shape):
            if session is not None:
                labels = Plane([session.course.planes[place].labels])
            else:
                levels = [first_level(layer)]
                labels = Plane(levels, place, rgb=False, name=layer.name)
            long = [step for step, n in zip(place, shape, strict=True) if n > 1]
            channels = {name: p.at(long) for name, p in shown.channels.items()}
            maps = shown.maps if place == shown.place else {}
            every[place] = replace(
                shown,
                labels=labels,
                channels=channels if place else shown.channels,
                flags=flags.get(place, shown.flags),
                certainties=certainties.get(place),
                maps=maps,
                plane=plane_title(layer, place, dims.axis_labels),
                place=place,
            )
        return every

    def frozen(self) -> Specimen:
        """A copy of what may be changed while it is worked on.

        The channels of a stack are not copied, because of their size: they count as
        they are when the turn of their plane comes.
        """
        channels = self.channels
        if not self.place:
            channels = {name: pixels.frozen() for name, pixels in channels.items()}
        return replace(self, labels=self.labels.frozen(), channels=channels)

    def measuring(
        self,
        labels: np.ndarray,
        options: Options = Options(),  # noqa: B008  frozen
    ) -> Generator[tuple[int, int], None, pd.DataFrame]:
        """Steps of measuring all nuclei; gives the table with flags and classes."""
        channels = {name: pixels.read() for name, pixels in self.channels.items()}
        if options.texture is not None:
            options = replace(options, texture=options.texture.in_unit(self.unit))
        table = yield from measure_steps(
            labels, channels, self.pixel_size, f"'{self.name}'", options
        )
        flags = self.flags
        if self.certainties is not None:
            flags = flags.drop(columns="certainty", errors="ignore")
            flags = flags.join(self.certainties, how="outer")
        table = with_flags(self.placed(table), flags)
        return (
            table if self.classes is None else self.classes.added_to(table, self.unit)
        )

    def placed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Measurements with the centroids where the viewer shows them."""
        return at_place(table, self.scale, self.origin)


def measuring_all(
    specimens: Mapping[tuple[int, ...], Specimen],
    options: Options = Options(),  # noqa: B008  frozen
) -> Generator[tuple[int, int], None, pd.DataFrame]:
    """Steps of measuring the nuclei of all planes.

    Yields
    ------
    (int, int)
        Nuclei measured so far and in all, or planes of a stack.

    Returns
    -------
    DataFrame
        By label, of a stack with `AXIS` for each axis before y and x.
    """
    tables = []
    for number, (place, specimen) in enumerate(specimens.items(), start=1):
        steps = specimen.measuring(specimen.labels.read(), options)
        if not place:
            return (yield from steps)
        tables.append(with_place(run_to_end(steps), place))
        yield number, len(specimens)
    return pd.concat([table for table in tables if len(table)] or tables[:1])


def with_place(table: pd.DataFrame, place: tuple[int, ...]) -> pd.DataFrame:
    """A table of the nuclei of a plane, with its place before the other columns."""
    steps = {AXIS.format(axis): step for axis, step in enumerate(place)}
    return table.assign(**steps).loc[:, [*steps, *table.columns]]


def by_place(table: pd.DataFrame) -> dict[tuple[int, ...], pd.DataFrame]:
    """The rows of a table of `measuring_all` apart by the place of their plane."""
    steps = axes_of(table)
    if not steps:
        return {(): table}
    groups: Any = table.groupby(steps)
    return {tuple(map(int, place)): rows for place, rows in groups}


def axes_of_planes(layer: Labels, viewer_names: Sequence[str] = ()) -> tuple[Axis, ...]:
    """Axes of a Labels layer before y and x."""
    names, count = axis_names(layer, viewer_names), layer.ndim - 2
    units = [canonical_unit(str(unit)) for unit in layer.units]
    return tuple(
        Axis(names[axis] or AXIS.format(axis), float(layer.scale[axis]), units[axis])
        for axis in range(count)
    )


def _place(layer: Labels) -> tuple[tuple[float, float], tuple[float, float]]:
    """Step along y and x of a layer, and place of its first pixel."""
    space = plane_space(layer)
    (height, width), (y, x) = space.scale, space.translate or (0.0, 0.0)
    return (height, width), (y, x)


def unit_of(layer: Labels) -> str:
    """Unit of the pixel size, as files have it: ``"um"``, or ``"pixel"``."""
    return canonical_unit(pixel_unit(layer))


def labels_on_show(layer: Labels, point: Sequence[float]) -> Plane:
    """The plane of a Labels layer that the viewer shows, at its finest level."""
    data = first_level(layer)
    if layer.ndim == 2:
        return Plane([data], name=layer.name)
    return Plane([data], plane_on_show(layer, point), rgb=False, name=layer.name)


def _certainties(layer: Labels) -> dict[tuple[int, ...], pd.Series]:
    """Certainties by label of every plane of a stack that was segmented, if it was.

    Under review they are among the flags of the planes.
    """
    result = result_of(layer)
    found = None if result is None else result.segmentation
    if session_of(layer) is not None or not isinstance(found, StackSegmentation):
        return {}
    axes = list(found.axes[:-2])
    if not axes:
        return {}
    rows: Any = found.objects.set_index("label")
    places, none = np.ndindex(*found.labels.shape[:-2]), rows["certainty"][:0]
    every: dict[tuple[int, ...], Any] = dict.fromkeys(places, none)
    every |= {
        tuple(map(int, place)): certainties
        for place, certainties in rows.groupby(axes)["certainty"]
    }
    return every
