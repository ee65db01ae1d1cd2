"""Counts, areas and heads of columns in words."""

import pytest

from napari_pmrnet.plugin.measure.formatting import (
    USUALLY_HIDDEN,
    group_of,
    head_of,
    listed,
    shown_unit,
    summary,
)
from napari_pmrnet.proofreading.measure import SHAPE, Range


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
        ("perimeter", "Perimeter (µm)"),
        ("orientation", "Orientation (°)"),
        ("circularity", "Circularity"),
        ("intensity DAPI", "Mean DAPI"),
        ("sd intensity DAPI", "SD DAPI"),
        ("ring 5 px intensity DAPI", "Ring DAPI"),
        ("median intensity DAPI minus background", "Median DAPI - bg"),
        ("texture contrast DAPI at 0.5 um", "Contrast DAPI"),
        ("class (intensity DAPI >= 5)", "Class"),
        ("of another program", "of another program"),
    ],
)
def test_heads_say_their_unit(column: str, head: str) -> None:
    assert head_of(column, "um")[0] == head


def test_what_a_head_means_says_ring_and_background() -> None:
    meaning = head_of("ring 5 px intensity DAPI minus background", "um")[1]
    assert "ring of 5 pixels" in meaning and "minus the median" in meaning
    meaning = head_of("texture entropy DAPI at 0.5 um", "um")[1]
    assert meaning.startswith("Texture: entropy in bits") and "0.5 µm apart" in meaning
    assert "DAPI >= 5" in head_of("class (intensity DAPI >= 5)", "um")[1]


def test_columns_of_before_are_shown_and_channels_chosen_together() -> None:
    shown = [name for name in SHAPE if group_of(name) not in USUALLY_HIDDEN]
    assert shown == [
        *("area", "diameter", "eccentricity", "solidity"),
        *("centroid_y", "centroid_x", "circularity"),
    ]
    assert group_of("intensity DAPI") == group_of("intensity GFP minus background")
    assert group_of("intensity DAPI") not in USUALLY_HIDDEN
    assert group_of("max intensity DAPI") in USUALLY_HIDDEN
    assert group_of("texture entropy DAPI at 1 pixel") == "Texture"
    assert "Texture" not in USUALLY_HIDDEN
    assert group_of("of another program") == "of another program"


def test_units_and_lists_as_people_write_them() -> None:
    assert [shown_unit(u) for u in ("um", "pixel", "nm")] == ["µm", "px", "nm"]
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
