"""Fluorescence saved as colours is pointed out; other pictures are not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.segmentation.colours import colour_notes
from napari_pmrnet.segmentation.plane import Plane


def picture(*colours: np.ndarray) -> np.ndarray:
    """Stains as red, green and blue."""
    return np.dstack(colours)


@pytest.mark.parametrize("place", range(3))
def test_nuclei_in_one_colour_among_others_are_pointed_out(place: int) -> None:
    nuclei, _ = make_fluorescence(seed=0)
    other, _ = make_fluorescence(seed=5)
    colours = [np.zeros_like(nuclei)] * 3
    colours[place], colours[place - 1] = nuclei, other
    (note,) = Plane([picture(*colours)]).notes
    assert "choose it as the channel" in note
    assert Plane([picture(*colours)], channel=place).notes == ()


def test_other_pictures_are_not() -> None:
    grey, _ = make_fluorescence(seed=0)
    stained, _ = make_stained(seed=0)
    for image in (grey, picture(grey, grey, grey), stained):
        assert Plane([image]).notes == ()
    assert colour_notes(np.zeros((9, 9, 3))) == ()
