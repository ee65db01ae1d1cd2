"""The file of a layer's image, and the folder around it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image
from napari.layers._source import Source
from plates import say

from napari_pmrnet.io.image_place import ImagePlace
from napari_pmrnet.plugin.layers.image_file import (
    FILE,
    SCENE,
    file_of,
    folder_beside,
    place_of,
)


@pytest.mark.parametrize("told", [False, True])
def test_a_field_that_was_opened_through_its_plate_has_its_own_folder(told) -> None:
    layer = Image(np.zeros((4, 4)), metadata={FILE: "p.zarr/A/1/0"} if told else {})
    assert file_of(layer) == (Path("p.zarr/A/1/0") if told else None)
    layer._set_source(Source(path="p.zarr"))
    assert file_of(layer) == Path("p.zarr/A/1/0" if told else "p.zarr")


def test_what_other_readers_say_of_a_file_is_not_ours() -> None:
    layer = Image(np.zeros((4, 4)), metadata={"file": {"name": "a.lif", "scene": 2}})
    assert file_of(layer) is None


def test_nothing_is_proposed_inside_a_zarr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(tmp_path / "p.zarr", {})
    monkeypatch.chdir(tmp_path / "p.zarr")
    assert folder_beside(Path("A", "1", "0")) == tmp_path
    assert folder_beside(tmp_path / "p.zarr" / "A" / "1" / "0") == tmp_path
    assert folder_beside(tmp_path / "p.zarr") == tmp_path
    assert folder_beside(tmp_path / "a" / "b.tif") == tmp_path / "a"


def test_an_image_lies_at_its_number_in_the_file_if_that_is_known(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.lif"
    layer = Image(np.zeros((4, 4)), metadata={FILE: str(path), SCENE: (1, "Left")})
    assert place_of(layer) == ImagePlace(path, "Left", 1)
    other = Image(np.zeros((4, 4)), metadata={FILE: str(path)})
    assert place_of(other) == ImagePlace(path)
    assert place_of(Image(np.zeros((4, 4)))) is None
