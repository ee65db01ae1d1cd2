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
from napari.layers import Image

from napari_pmrnet.errors import ImageError
from napari_pmrnet.io.units import canonical_unit
from napari_pmrnet.plugin.layers.axes import axis_names, first_level, shown_plane
from napari_pmrnet.plugin.layers.on_plane import place_of
from napari_pmrnet.plugin.layers.pixel_size import (
    on_same_pixels,
    pixel_size,
    pixel_unit,
)
from napari_pmrnet.plugin.layers.results import result_of
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.layers.source_image import (
    could_be_of,
    image_for,
    is_source,
)
from napari_pmrnet.plugin.layers.spaces import plane_space
from napari_pmrnet.proofreading.measure import (
    INTENSITY,
    SHAPE,
    at_place,
    heads,
    measure_steps,
)
from napari_pmrnet.segmentation.plane import Plane

if TYPE_CHECKING:
    from napari.components import Dims
    from napari.layers import Labels

    from napari_pmrnet.plugin.layers.results import Result

FLAGS = ("certainty", "reviewed", "edited")
_COLOURS = ("red", "green", "blue")
_HEAD = re.compile(r"(area|diameter|centroid_y|centroid_x) \[(.+?)(\^2)?\]")


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
        channels, fault = _channels(layer, labels.shape, result, list(layers), dims)
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
        )

    def frozen(self) -> Specimen:
        """A copy of what may be changed while it is worked on."""
        channels = {name: pixels.frozen() for name, pixels in self.channels.items()}
        return replace(self, labels=self.labels.frozen(), channels=channels)

    def measuring(
        self, labels: np.ndarray
    ) -> Generator[tuple[int, int], None, pd.DataFrame]:
        """Steps of measuring all nuclei; gives the table with the flags."""
        channels = {name: pixels.read() for name, pixels in self.channels.items()}
        table = yield from measure_steps(
            labels, channels, self.pixel_size, f"'{self.name}'"
        )
        return with_flags(self.placed(table), self.flags)

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
        By label, with the columns of `measure` and `FLAGS`; without the nuclei that
        were not measured. None if nothing was measured.
    """
    known = _by_label(layer.features)
    found = {head: _HEAD.fullmatch(head) for head in map(str, known.columns)}
    plain = {head: match[1] for head, match in found.items() if match}
    if set(SHAPE[:2]) - set(plain.values()):
        return None
    unit = next(match[2] for match in found.values() if match)
    table = known.drop(columns="area", errors="ignore").rename(columns=plain)
    intensities = [name for name in table if str(name).startswith(INTENSITY)]
    present = [name for name in (*SHAPE, *intensities) if name in table]
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
        up), ``certainty``, ``area`` in pixels, ``reviewed``, ``edited``, and those of
        `measure` under heads that say their unit.
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
    ours = table.drop(columns=list(FLAGS)).rename(columns=heads(unit))
    others = before.drop(columns=["area", *FLAGS], errors="ignore")
    joined = base.join(ours).join(others)
    if layer.ndim > 2:
        beyond = before.drop(index=before.index.intersection(joined.index))
        joined = pd.concat([joined, beyond]).sort_index()
    layer.features = joined.rename_axis("index").reset_index()


def _is_ours(head: str) -> bool:
    return (
        _HEAD.fullmatch(head) is not None
        or head in ("eccentricity", "solidity")
        or head.startswith(INTENSITY)
    )


def _by_label(features: pd.DataFrame) -> pd.DataFrame:
    """Features by label; without a column ``index`` napari counts them from 0."""
    return features.set_index("index") if "index" in features else features


def _channels(
    layer: Labels,
    shape: tuple[int, ...],
    result: Result | None,
    layers: list[Any],
    dims: Dims,
) -> tuple[dict[str, Plane], str]:
    """Channels of the image that labels are of, or why there are none."""
    image = image_for(layer, layers, dims.axis_labels)
    if image is None:
        fault = _why_none(layer, shape, layers)
    else:
        try:
            plane = _plane_of(image, result, dims)
        except ImageError as error:
            fault = str(error).removesuffix(".")
        else:
            if plane.shape == shape:
                return _channels_of(image, plane, layers), ""
            fault = f"'{image.name}' has another shape than '{layer.name}'"
    return {}, f"{fault}, so no intensity is measured."


def _why_none(layer: Labels, shape: tuple[int, ...], layers: list[Any]) -> str:
    """Why labels have no image."""
    if not any(map(is_source, layers)):
        return "There is no image layer"
    if any(could_be_of(layer, other) for other in layers):
        return (
            f"It is not certain which image '{layer.name}' is of (choose it in the "
            "dock Measure nuclei)"
        )
    size = " x ".join(map(str, shape))
    return f"No image layer has the shape of '{layer.name}' ({size})"


def _plane_of(image: Image, result: Result | None, dims: Dims) -> Plane:
    """The plane that a result is of, or else the one on show."""
    plane = shown_plane(image, dims.point, dims.axis_labels)
    if result is None or not result.plane:
        return plane
    return plane.at(place_of(result.plane))


def _channels_of(image: Image, plane: Plane, layers: list[Any]) -> dict[str, Plane]:
    """Every channel of a plane by name."""
    if plane.rgb or plane.channel_axis is not None:
        names = (
            _COLOURS if plane.rgb else map("channel {}".format, range(plane.channels))
        )
        return {name: replace(plane, channel=i) for i, name in enumerate(names)}
    others = [
        other
        for other in on_same_pixels(image, layers)
        if isinstance(other, Image)
        and not other.rgb
        and first_level(other).shape == plane.levels[0].shape
    ]
    return {
        other.name: replace(plane, levels=[first_level(other)], name=other.name)
        for other in (image, *others)
    }
