"""Heat maps of plates: whole, legible, and true to the rows."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.batch.heat_map import (
    COLOURS,
    colour_at,
    heat_maps,
    ink_on,
    luminance,
    plates_of,
)
from napari_pmrnet.batch.plate import ROWS
from napari_pmrnet.batch.summary import Row

NOUNS = ("nucleus", "nuclei")


class Drawn(HTMLParser):
    """Squares by kind, what stands in them and what they say under the mouse."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.kinds: list[str] = []
        self.titles: list[str] = []
        self.texts: list[str] = []
        self._tag, self._open = "", []
        self.feed(text)
        assert not self._open, "every tag is closed"

    def handle_starttag(self, tag, attrs):
        self._tag = tag
        self._open.append(tag)
        if tag == "rect":
            self.kinds.append(dict(attrs)["class"])

    def handle_startendtag(self, tag, attrs):
        if tag == "rect":
            self.kinds.append(dict(attrs)["class"])

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        {"title": self.titles, "text": self.texts}.get(self._tag, []).append(data)


def drawn(*rows: Row) -> Drawn:
    return Drawn("".join(heat_maps(rows, NOUNS)))


def row(well: str, nuclei: int | None, certainty: float | None, **more) -> Row:
    return Row(
        f"p/plate_{well}_s{more.pop('site', 1)}_w1.tif", "l", nuclei, certainty, **more
    )


def test_wells_are_summed_over_their_images() -> None:
    (wells,) = plates_of(
        [
            row("A01", 10, 0.9),
            row("A01", 30, 0.5, site=2),
            row("A01", None, None, site=3, error="damaged"),
            row("B02", 0, None),
            Row("p/other.tif", "l", 99, 0.1),
        ]
    ).values()
    assert set(wells) == {"A01", "B02"}
    one, none = wells["A01"], wells["B02"]
    assert (one.images, one.failed, one.nuclei) == (2, 1, 40)
    assert one.certainty == pytest.approx(0.6)
    assert (none.nuclei, none.certainty) == (0, None)


def test_two_maps_a_plate_with_all_in_words() -> None:
    found = drawn(row("A01", 10, 0.9), row("A02", 0, None), row("H12", 4, 0.5))
    assert found.kinds.count("none") == 2 * (96 - 3)
    assert found.kinds.count("well") == 3 + 2 and found.kinds.count("missing") == 1
    assert found.titles[0] == "A01: 10 nuclei, mean certainty 0.90, 1 image"
    assert {"10", "0", "4", "0.90", "0.50"} <= set(found.texts)
    assert {"A", "H", "1", "12"} <= set(found.texts)


def test_plates_are_told_apart_by_their_folders_and_names_are_escaped() -> None:
    files = [
        f"{plate}/plate_{well}_s1_w1.tif"
        for plate in ("../<b>&", "one", "plate.zarr/A/1")
        for well in ("A01", "B03")
    ]
    text = "".join(heat_maps([Row(file, "l", 1, 0.5) for file in files], NOUNS))
    assert text.count("<h3>") == 3 and "&lt;b&gt;&amp;" in text and "<b>" not in text
    assert not plates_of([Row("p/plate_A01_s1_w1.tif", "l", 1, 0.5)]), "one well"
    assert not plates_of([Row("a.png", "l", 1), Row("b.png", "l", 1)])


@given(
    st.dictionaries(
        st.tuples(st.sampled_from(ROWS), st.integers(1, 48)),
        st.tuples(st.integers(0, 10**6), st.floats(0, 1), st.booleans()),
        min_size=2,
        max_size=30,
    )
)
def test_any_plate_is_drawn_whole(wells) -> None:
    rows = [
        Row(
            f"plate_{letters}{column:02d}_s1_w1.tif",
            "l",
            None if failed else count,
            certainty if count and not failed else None,
            error="damaged" if failed else "",
        )
        for (letters, column), (count, certainty, failed) in wells.items()
    ]
    found = drawn(*rows)
    assert len(found.kinds) in (2 * 96, 2 * 384, 2 * 1536)
    assert len(found.titles) == 2 * len(wells)
    bad = sum(failed for _, _, failed in wells.values())
    assert found.kinds[: len(found.kinds) // 2].count("missing") == bad


@given(st.floats(0, 1))
def test_numbers_can_be_read_on_their_colour(share: float) -> None:
    colour = colour_at(share, (0.0, 1.0))
    ink = 0.0 if ink_on(colour) == "#000" else 1.0
    bright, dark = sorted((luminance(colour), ink), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5


def test_colours_rise_in_lightness_to_any_eye() -> None:
    lights = [luminance(colour) for colour in COLOURS]
    assert lights == sorted(lights) and lights[-1] - lights[0] > 0.7
