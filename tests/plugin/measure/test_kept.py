"""The features of a layer keep what was found of its nuclei."""

import numpy as np
import pandas as pd
from napari.layers import Labels

from napari_pmrnet.plugin.measure.kept import keep, known_flags, measured_of, with_flags
from napari_pmrnet.plugin.measure.snapshot import unit_of

from .test_snapshot import measured, viewer

__all__ = ["viewer"]


def test_what_is_kept_in_the_features_comes_back(viewer) -> None:
    layer, table, unit = measured(viewer)
    layer.features = pd.DataFrame({"index": [3, 8], "mine": ["a", "b"]})
    keep(layer, table, unit, (0.5, 0.25))
    assert layer.features["mine"].tolist() == ["a", "b"]
    assert layer.features["area"].tolist() == [20, 12], "in pixels"
    again, its_unit = measured_of(layer)
    assert its_unit == "um"
    pd.testing.assert_frame_equal(
        again[["area", "diameter"]], table[["area", "diameter"]], check_names=False
    )
    keep(layer, table, unit, (0.5, 0.25))
    assert len(layer.features.columns) == len(set(layer.features.columns))
    keep(layer, table.drop(index=3), unit, (0.5, 0.25))
    assert layer.features["index"].tolist() == [8]


def test_layers_that_were_not_measured() -> None:
    plain = Labels(np.ones((4, 5), int))
    assert measured_of(plain) is None
    assert known_flags(plain).empty and unit_of(plain) == "pixel"
    plain.features = pd.DataFrame({"index": [1], "area": [20]})
    assert measured_of(plain) is None, "pixels of a segmentation are no measurement"


def test_flags_that_are_not_known() -> None:
    table = pd.DataFrame({"area": [1.0, 2.0], "edited": [True, True]}, index=[4, 7])
    flags = pd.DataFrame(
        {"certainty": ["0.5", None, 0.9], "reviewed": [True, None, True]},
        index=[4, 7, 99],
    )
    made = with_flags(table, flags)
    assert made["certainty"].tolist()[0] == 0.5 and np.isnan(made["certainty"].iloc[1])
    assert made["reviewed"].tolist() == [True, False]
    assert made["edited"].tolist() == [False, False]
