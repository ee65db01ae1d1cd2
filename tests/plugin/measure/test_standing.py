"""How measurements stand is told by the areas, the unit and the options."""

import pandas as pd
import pytest
from napari.layers import Labels

from napari_pmrnet.plugin.measure.kept import keep
from napari_pmrnet.plugin.measure.standing import standing
from napari_pmrnet.proofreading.intensities import Options

from .test_snapshot import measured, viewer

__all__ = ["viewer"]


@pytest.fixture
def kept(viewer) -> tuple[Labels, pd.Series]:
    layer, table, unit = measured(viewer)
    assert standing(layer, table["area"], False, None) == "Not measured yet."
    keep(layer, table, unit, (0.5, 0.25))
    return layer, table["area"]


def test_measurements_of_the_nuclei_as_they_are(kept) -> None:
    layer, areas = kept
    told = standing(layer, areas, False, None)
    assert told == "Measured: shape, mean of cells."
    assert standing(layer, areas, False, Options()) == told


def test_other_nuclei_and_another_unit_are_to_be_measured_again(kept) -> None:
    layer, areas = kept
    told = "Not as they were measured: measure again."
    assert standing(layer, areas * 1.01, False, None) == told
    assert standing(layer, areas.drop(index=3), False, None) == told
    assert "Measured" in standing(layer, areas * 1.01, True, None), "they follow soon"
    layer.units = ("nm", "nm")
    assert standing(layer, areas, False, None) == told


def test_other_options_are_to_be_measured_again(kept) -> None:
    layer, areas = kept
    told = standing(layer, areas, False, Options(ring=3))
    assert told == "Other options than were measured: measure again."
