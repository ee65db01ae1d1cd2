"""What the features of a Labels layer keep of its nuclei: flags and measurements."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd

from napari_pmrnet.plugin.layers.pixel_size import pixel_size
from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.measure.classes import classes_of
from napari_pmrnet.proofreading import planes
from napari_pmrnet.proofreading.classes import is_class_head, without_classes
from napari_pmrnet.proofreading.intensities import Head
from napari_pmrnet.proofreading.measure import SHAPE, WITHOUT_UNIT, heads

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

FLAGS = ("certainty", "reviewed", "edited")
_of_stacks: WeakKeyDictionary[Layer, tuple[pd.DataFrame, str]] = WeakKeyDictionary()
_HEAD = re.compile(rf"({'|'.join(heads())}) \[(.+?)(\^2)?\]")


def known_flags(layer: Labels) -> pd.DataFrame:
    """Certainty and status of the nuclei by label, as far as they are known.

    Of a number on several planes they are those of all; see `planes.flags`.
    """
    session = session_of(layer)
    if session is not None:
        return planes.flags(session.course)
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
        that were not measured. None if nothing was measured. Of a stack a number has a
        row on every plane, see `measuring_all`, and features have one row a number: the
        measurements are kept beside them.
    """
    if layer.ndim > 2:
        return _of_stacks.get(plain(layer))
    known = _by_label(layer.features)
    found = {head: _HEAD.fullmatch(head) for head in map(str, known.columns)}
    ours = {head: match[1] for head, match in found.items() if match}
    if set(SHAPE[:2]) - set(ours.values()):
        return None
    unit = next(match[2] for match in found.values() if match and match[1] == "area")
    table = known.drop(columns="area", errors="ignore").rename(columns=ours)
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
        Of `measuring_all`; nuclei that are not in it are dropped.
    unit : str
    size : (float, float)
        Height and width of a pixel that it was measured with.
    """
    if layer.ndim > 2:
        classes = classes_of(layer)
        table = table if classes is None else classes.added_to(table, unit)
        _of_stacks[plain(layer)] = table, unit
        return
    before = _by_label(layer.features)
    before = before[~before.index.duplicated()]
    before = before.drop(columns=[name for name in before if _is_ours(str(name))])
    base = table[list(FLAGS)].copy()
    height, width = size
    area = (table["area"] / (height * width)).round().astype(int)
    base.insert(1, "area", area)
    ours, classes = without_classes(table.drop(columns=list(FLAGS))), classes_of(layer)
    ours = ours if classes is None else classes.added_to(ours, unit)
    ours = ours.rename(columns=heads(unit))
    others = before.drop(columns=["area", *FLAGS], errors="ignore")
    joined = base.join(ours).join(others)
    layer.features = joined.rename_axis("index").reset_index()


def classify(layer: Labels) -> None:
    """Tell the nuclei of a layer apart anew by its classes, if they were measured."""
    measured = measured_of(layer)
    if measured is None:
        return
    table, unit = measured
    if layer.ndim > 2:
        keep(layer, without_classes(table), unit, pixel_size(layer))
        layer.events.features()
        return
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
