"""Copy of a Labels layer to measure, and its features, which keep the measurements.

Everything here runs without a window. `Specimen.of` copies what the user could change;
what it gives is worked on in another thread.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.io.units import canonical_unit
from napari_pmrnet.plugin.layers.axes import axis_names, first_level
from napari_pmrnet.plugin.layers.pixel_size import pixel_size, pixel_unit
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.layers.spaces import plane_space
from napari_pmrnet.plugin.measure.channels import channels_of
from napari_pmrnet.plugin.measure.classes import classes_of
from napari_pmrnet.proofreading.classes import is_class_head, without_classes
from napari_pmrnet.proofreading.intensities import Head, Options
from napari_pmrnet.proofreading.measure import (
    SHAPE,
    WITHOUT_UNIT,
    at_place,
    heads,
    measure_steps,
)
from napari_pmrnet.segmentation.plane import Plane

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Labels

    from napari_pmrnet.proofreading.classes import Classes

FLAGS = ("certainty", "reviewed", "edited")
_HEAD = re.compile(rf"({'|'.join(heads())}) \[(.+?)(\^2)?\]")


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

    @classmethod
    def of(cls, layer: Labels, layers: Iterable[Any], dims: Dims) -> Specimen:
        """The plane of a Labels layer on show, not copied yet."""
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
        names = axis_names(layer, dims.axis_labels)
        plane = " ".join(
            f"{name or f'axis {axis}'}={step}"
            for axis, (name, step) in enumerate(zip(names, labels.place, strict=False))
        )
        return cls(
            layer.name,
            labels,
            channels,
            pixel_size(layer),
            unit_of(layer),
            known_flags(layer),
            maps,
            *_place(layer),
            plane,
            fault,
            classes_of(layer),
        )

    def frozen(self) -> Specimen:
        """A copy of what may be changed while it is worked on."""
        channels = {name: pixels.frozen() for name, pixels in self.channels.items()}
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
        table = with_flags(self.placed(table), self.flags)
        return (
            table if self.classes is None else self.classes.added_to(table, self.unit)
        )

    def placed(self, table: pd.DataFrame) -> pd.DataFrame:
        """Measurements with the centroids where the viewer shows them."""
        return at_place(table, self.scale, self.origin)


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
    place = np.round(layer.world_to_data(point))[: layer.ndim - 2]
    last = np.array(data.shape[: layer.ndim - 2]) - 1
    at = tuple(int(n) for n in np.clip(place, 0, last))
    return Plane([data], at, rgb=False, name=layer.name)


def known_flags(layer: Labels) -> pd.DataFrame:
    """Certainty and status of the nuclei by label, as far as they are known."""
    session = session_of(layer)
    if session is not None:
        return session.review.flags()
    known = _by_label(layer.features)
    return known.loc[:, [name for name in FLAGS if name in known]]


def with_flags(table: pd.DataFrame, flags: pd.DataFrame) -> pd.DataFrame:
    """A table with the columns `FLAGS`; where nothing is known certainty is missing."""
    flags = flags.loc[~flags.index.duplicated()].reindex(table.index)
    table = table.drop(columns=[name for name in FLAGS if name in table])
    table["certainty"] = flags.get("certainty", pd.Series(np.nan, table.index))
    table["certainty"] = pd.to_numeric(table["certainty"], errors="coerce")
    for name in FLAGS[1:]:
        known = flags[name] if name in flags else pd.Series(False, table.index)
        table[name] = known.eq(True)
    return table


def measured_of(layer: Labels) -> tuple[pd.DataFrame, str] | None:
    """Measurements kept in the features of a layer, and their unit.

    Returns
    -------
    (DataFrame, str) or None
        By label, with the columns of `measure`, classes and `FLAGS`; without the nuclei
        that were not measured. None if nothing was measured.
    """
    known = _by_label(layer.features)
    found = {head: _HEAD.fullmatch(head) for head in map(str, known.columns)}
    plain = {head: match[1] for head, match in found.items() if match}
    if set(SHAPE[:2]) - set(plain.values()):
        return None
    unit = next(match[2] for match in found.values() if match and match[1] == "area")
    table = known.drop(columns="area", errors="ignore").rename(columns=plain)
    others = [name for name in table if Head.of(str(name)) or is_class_head(str(name))]
    present = [name for name in (*SHAPE, *others) if name in table]
    return with_flags(table.loc[:, present], known).dropna(subset=["area"]), unit


def keep(
    layer: Labels,
    table: pd.DataFrame,
    unit: str,
    size: tuple[float, float],
) -> None:
    """Write measurements into the features of a layer; columns of others stay.

    Parameters
    ----------
    layer : napari.layers.Labels
        Its features get the columns ``index`` (the label, by which napari looks them
        up), ``certainty``, ``area`` in pixels, ``reviewed``, ``edited``, those of
        `measure` under heads that say their unit, and its classes.
    table : DataFrame
        Of `Specimen.measuring`; nuclei that are not in it are dropped, but those that
        may be on other planes of a stack.
    unit : str
    size : (float, float)
        Height and width of a pixel that it was measured with.
    """
    before = _by_label(layer.features)
    before = before[~before.index.duplicated()]
    before = before.drop(columns=[name for name in before if _is_ours(str(name))])
    base = table[list(FLAGS)].copy()
    height, width = size
    area = (table["area"] / (height * width)).round().astype(int)
    base.insert(1, "area", area)
    plain, classes = without_classes(table.drop(columns=list(FLAGS))), classes_of(layer)
    ours = plain if classes is None else classes.added_to(plain, unit)
    ours = ours.rename(columns=heads(unit))
    others = before.drop(columns=["area", *FLAGS], errors="ignore")
    joined = base.join(ours).join(others)
    if layer.ndim > 2:
        beyond = before.drop(index=before.index.intersection(joined.index))
        joined = pd.concat([joined, beyond]).sort_index()
    layer.features = joined.rename_axis("index").reset_index()


def classify(layer: Labels) -> None:
    """Tell the nuclei of a layer apart anew by its classes, if they were measured."""
    measured = measured_of(layer)
    if measured is None:
        return
    table, unit = measured
    features, classes = without_classes(layer.features), classes_of(layer)
    if classes is not None and classes.column in table:
        of = classes.of(table).reindex(_by_label(features).index, fill_value="")
        features = features.assign(**{classes.head(unit): of.to_numpy()})
    layer.features = features


def _is_ours(head: str) -> bool:
    """Tell whether a column of features is one of measurements or classes."""
    return (
        _HEAD.fullmatch(head) is not None
        or head in WITHOUT_UNIT
        or Head.of(head) is not None
        or is_class_head(head)
    )


def _by_label(features: pd.DataFrame) -> pd.DataFrame:
    """Features by label; without a column ``index`` napari counts them from 0."""
    return features.set_index("index") if "index" in features else features
