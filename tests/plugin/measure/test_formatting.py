"""Counts, areas and heads of columns in words."""

import pytest

from napari_pmrnet.plugin.measure.formatting import (
    head_of,
    listed,
    shown_unit,
    summary,
)
from napari_pmrnet.proofreading.measure import INTENSITY, Range


def totals(count: tuple[int, int, int], area: tuple[float, float, float]) -> dict:
    return {"count": Range(*count), "area": Range(*area)}


@pytest.mark.parametrize(
    ("count", "area", "unit", "known", "words"),
    [
        ((1, 1, 1), (12.5, 12.5, 12.5), "um", True, "1 nucleus, 12.5 µm²"),
        ((0, 0, 0), (0, 0, 0), "pixel", False, "0 nuclei, 0 px²"),
        (
            (1312, 1291, 1320),
            (420_000, 400_000, 430_000),
            "um",
            True,
            "1,312 nuclei (1,291 to 1,320), 0.420 mm² (0.400 to 0.430)",
        ),
        ((9, 5, 9), (1000, 900, 1000), "um", False, "9 nuclei, 1,000 µm²"),
        ((2, 2, 2), (2e12, 2e12, 2e12), "nm", True, "2 nuclei, 2.00 mm²"),
        ((2, 2, 2), (3e9, 3e9, 3e9), "pixel", True, "2 nuclei, 3,000,000,000 px²"),
    ],
)
def test_totals_in_words(count, area, unit: str, known: bool, words: str) -> None:
    assert summary(totals(count, area), unit, known) == words


@pytest.mark.parametrize(
    ("column", "head"),
    [
        ("area", "Area (µm²)"),
        ("diameter", "Diameter (µm)"),
        ("eccentricity", "Eccentricity"),
        ("certainty", "Certainty"),
        (f"{INTENSITY}DAPI", "Mean DAPI"),
        ("of another program", "of another program"),
    ],
)
def test_heads_say_their_unit(column: str, head: str) -> None:
    assert head_of(column, "um")[0] == head


def test_units_and_lists_as_people_write_them() -> None:
    assert [shown_unit(u) for u in ("um", "pixel", "nm")] == ["µm", "px", "nm"]
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
