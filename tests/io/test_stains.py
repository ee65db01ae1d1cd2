"""Channels of nuclei are told by the names that microscopes and people give them."""

from __future__ import annotations

import pytest

from napari_pmrnet.io.stains import nuclear_channel


@pytest.mark.parametrize(
    "name",
    [
        "DAPI",
        "405 dapi",
        "w2DAPI",
        "Hoechst 33342",
        "Hoescht",
        "H2B-mCherry",
        "mCherry_H2B",
        "NucBlue",
        "DRAQ5",
        "nuclei",
        "Nucleus (Ch2)",
        "c:2/3 - DAPI",
        "Nuclear stain",
        "DNA",
        "H3-mEos",
        "GFPH2A",
    ],
)
def test_a_stain_of_nuclei_is_told_from_others(name: str) -> None:
    others = ["GFP", "Phalloidin-568", "brightfield"]
    for place in range(4):
        names = [*others[:place], name, *others[place:]]
        assert nuclear_channel(names) == place


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("GFP", "RFP"),
        ("channel 0", "channel 1"),
        ("perinuclear", "GFP"),
        ("nuclear envelope", "GFP"),
        ("anti-nuclear", "actin"),
        ("DAPI_GFP.tif 0", "DAPI_GFP.tif 1"),
        ("Ch1", "Ch2", "Ch3", "Ch4"),
        ("Ch1-T1", "Ch2-T1", "Ch3-T2"),
        ("ch2a", "ch2b", "ch3a"),
        ("GFP", "pH3"),
        ("GFP", "path 4", "epoch3"),
    ],
)
def test_other_names_tell_nothing(names: tuple[str, ...]) -> None:
    assert nuclear_channel(names) is None


def test_a_dye_is_surer_than_a_word() -> None:
    assert nuclear_channel(["nuclear receptor", "Hoechst"]) == 1
