"""Pixel sizes as TIFF, ImageJ and OME write them down."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.io.calibration import (
    Calibration,
    imagej_calibration,
    names_of_channels,
    ome_calibrations,
    plain_calibration,
)
from napari_pmrnet.io.space import Space


def page(**tags: Any) -> Any:
    """A page with some tags."""
    held = {name: SimpleNamespace(value=value) for name, value in tags.items()}
    return SimpleNamespace(tags=held)


def test_what_is_unknown_is_a_pixel() -> None:
    space = Calibration({"x": (0.5, "um"), "y": (1.0, "um")}).space("tyx")
    assert space == Space.of("tyx", (1.0, 1.0, 0.5), ("pixel", "um", "um"))


def test_a_pixel_is_known_in_one_unit_or_not_at_all() -> None:
    steps = {"y": (500.0, "nm"), "x": (0.5, "um"), "t": (2.0, "s")}
    space = Calibration(steps, origins={"y": 3000.0, "x": 1.0}).space("tyx")
    assert space == Space.of("tyx", (2.0, 0.5, 0.5), ("s", "um", "um"), (0.0, 3.0, 1.0))
    del steps["y"]
    space = Calibration(steps, origins={"y": 4.0, "x": 1.0}).space("tyx")
    pixels = (2.0, 1.0, 1.0), ("s", "pixel", "pixel"), (0.0, 4.0, 2.0)
    assert space == Space.of("tyx", *pixels)


def test_a_step_in_a_unit_that_nobody_knows_is_no_number_of_pixels() -> None:
    tags = page(XResolution=(2, 1), YResolution=(2, 1))
    metadata = {"unit": "furlong", "xorigin": 3, "spacing": 2}
    found = imagej_calibration(tags, metadata)
    assert found == Calibration(origins={"x": -3.0})
    metadata = {"unit": "micrometres", "yunit": "nm", "xorigin": 3}
    found = imagej_calibration(tags, metadata)
    assert found.steps["x"] == (0.5, "um") and found.steps["y"] == (0.5, "nm")
    for unit in ("pixel", "reference frame"):
        text = OME.replace('"nm"', f'"{unit}"')
        assert "x" not in ome_calibrations(text)[0].steps


@pytest.mark.parametrize(
    ("unit", "x", "y", "steps"),
    [
        (3, (20_000, 1), (10_000, 1), {"x": (0.5, "um"), "y": (1.0, "um")}),
        (2, (25_400, 1), (25_400, 1), {"x": (1.0, "um"), "y": (1.0, "um")}),
        (2, (300, 1), (300, 1), {}),  # of a printer
        (1, (20_000, 1), (20_000, 1), {}),  # no unit
        (3, (0, 1), (20_000, 1), {}),
        (3, "none", (20_000, 1), {}),
    ],
)
def test_resolutions_of_plain_files(
    unit: int, x: Any, y: Any, steps: dict[str, tuple[float, str]]
) -> None:
    found = plain_calibration(page(ResolutionUnit=unit, XResolution=x, YResolution=y))
    assert set(found.steps) == set(steps)
    for axis, (step, name) in steps.items():
        assert found.steps[axis] == (pytest.approx(step), name)


def test_imagej_names_its_unit_spacing_and_interval() -> None:
    metadata = {
        "unit": "micron",
        "spacing": 2.5,
        "finterval": 30,
        "tunit": "min",
        "channels": 2,
        "Labels": ["DAPI", "GFP"],
    }
    found = imagej_calibration(page(XResolution=(4, 1), YResolution=(2, 1)), metadata)
    assert found.steps == {
        "x": (0.25, "um"),
        "y": (0.5, "um"),
        "z": (2.5, "um"),
        "t": (30.0, "min"),
    }
    assert found.channel_names == ("DAPI", "GFP")


@pytest.mark.parametrize("spacing", [0, -1, float("nan"), "wide", None])
def test_a_spacing_that_is_none_is_one(spacing: Any) -> None:
    found = imagej_calibration(page(), {"unit": "um", "spacing": spacing})
    assert found.steps == {"z": (1.0, "um")}


def test_labels_of_slices_are_no_names_of_channels() -> None:
    for metadata in (
        {"channels": 2, "Labels": ["a", "b", "c", "d"]},
        {"channels": 1, "Labels": ["a"]},
        {"Labels": None},
    ):
        assert imagej_calibration(page(), metadata).channel_names == ()


OME = """<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Image><Pixels PhysicalSizeX="0.5" PhysicalSizeXUnit="nm" PhysicalSizeY="0.25"
 PhysicalSizeZ="-1" TimeIncrement="5" TimeIncrementUnit="ms">
 <Channel Name="DAPI"/><Channel Name="GFP"/></Pixels></Image>
<Image><Pixels><Channel ID="Channel:1:0"/></Pixels></Image></OME>"""


@pytest.mark.parametrize("channel", ["<Channel/>", "<Channel> </Channel>", ""])
def test_a_channel_without_attributes_costs_nothing(channel: str) -> None:
    pixels = f'<Pixels PhysicalSizeX="0.5" PhysicalSizeY="0.5">{channel}</Pixels>'
    (found,) = ome_calibrations(f"<OME><Image>{pixels}</Image></OME>")
    assert found == Calibration({"x": (0.5, "um"), "y": (0.5, "um")})


def test_every_image_of_an_ome_text_has_its_own() -> None:
    first, second = ome_calibrations(OME)
    assert first.steps == {"x": (0.5, "nm"), "y": (0.25, "um"), "t": (5.0, "ms")}
    assert first.channel_names == ("DAPI", "GFP")
    assert second == Calibration()


@given(st.text(max_size=80) | st.integers(0, len(OME) - 1).map(lambda n: OME[:n]))
def test_malformed_text_has_none(text: str) -> None:
    assert ome_calibrations(text) == []


def test_a_channel_without_a_name_costs_the_others_none() -> None:
    channels = '<Channel Fluor="GFP"/><Channel/><Channel Name="DAPI"/>'
    (found,) = ome_calibrations(
        f'<OME><Image><Pixels SizeC="3">{channels}</Pixels></Image></OME>'
    )
    assert found.channel_names == ("GFP", "channel 1", "DAPI")
    assert names_of_channels([None, ""]) == names_of_channels([]) == ()
