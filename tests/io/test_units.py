"""Names of units, whoever wrote them, under one name each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.io.units import (
    MICROMETRES,
    OME_UNITS,
    PIXEL,
    SECONDS,
    canonical_unit,
)

KNOWN = (*MICROMETRES, *SECONDS)


@pytest.mark.parametrize("unit", KNOWN)
def test_a_unit_and_its_name_in_ome_zarr_lead_to_it(unit: str) -> None:
    assert canonical_unit(unit) == unit
    assert canonical_unit(OME_UNITS[unit]) == unit
    assert canonical_unit(f"  {unit.upper()} ") == unit


@pytest.mark.parametrize(
    "name", ["µm", "\u03bcm", "\\u00B5m", "Micron", "MICROMETRE", "um"]
)
def test_micrometres_as_programs_write_them(name: str) -> None:
    assert canonical_unit(name) == "um"


@given(st.text() | st.none() | st.integers() | st.binary())
def test_anything_is_a_known_unit_or_a_pixel(name: object) -> None:
    unit = canonical_unit(name)
    assert unit == PIXEL or unit in KNOWN
    assert canonical_unit(unit) == unit


def test_steps_between_units() -> None:
    assert MICROMETRES["mm"] == 1e3 and MICROMETRES["inch"] == 25.4 * MICROMETRES["mm"]
    assert SECONDS["hour"] == 60 * SECONDS["min"]
