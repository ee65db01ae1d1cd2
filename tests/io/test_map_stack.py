"""A stack of labels and maps: what was written is read back, by name."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.map_stack import read_stack, write_stack
from napari_pmrnet.io.space import Space


def pages() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "labels": rng.integers(0, 70_000, (20, 30)).astype(np.int32),
        "certainty": rng.random((20, 30), np.float32),
        "boundary": rng.random((20, 30), np.float32),
    }


def test_pages_come_back_by_name(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "all", pages(), Space.of_plane((0.5, 0.25), "um"))
    back = read_stack(path)
    assert list(back) == ["labels", "certainty", "boundary"]
    for name, image in pages().items():
        np.testing.assert_array_equal(back[name], image)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej and len(tiff.pages) == 3
        assert tiff.imagej_metadata["unit"] == "um"
        assert tiff.pages[0].tags["XResolution"].value == (4, 1)
        assert tiff.pages[0].tags["YResolution"].value == (2, 1)


def test_one_page_has_its_name_too(tmp_path: Path) -> None:
    path = write_stack(tmp_path / "one.tif", {"labels": pages()["labels"]})
    assert list(read_stack(path)) == ["labels"]


def test_what_cannot_be_kept_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="differ in shape"):
        write_stack(tmp_path / "a", {**pages(), "more": np.zeros((2, 2))})
    with pytest.raises(DataError, match="sequentially"):
        write_stack(tmp_path / "a", {"labels": np.full((2, 2), 1 << 24)})
    with pytest.raises(DataError, match="ends in .tif"):
        write_stack(tmp_path / "a.png", pages())
    tifffile.imwrite(tmp_path / "other.tif", np.zeros((2, 4, 4), np.float32))
    with pytest.raises(DataError, match="no names"):
        read_stack(tmp_path / "other.tif")


def test_maps_lie_where_their_labels_do(tmp_path: Path) -> None:
    space = Space.of("yx", (0.5, 0.25), ("um", "um"), (100, -50))
    (image,) = read_image(write_stack(tmp_path / "all", pages(), space))
    assert image.space.translate == (100, -50) and image.space.scale == (0.5, 0.25)
    assert list(read_stack(tmp_path / "all.tif")) == list(pages())


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_mirroring_comes_back(signs: tuple[int, int], tmp_path: Path) -> None:
    scale = (signs[0] * 0.5, signs[1] * 0.25)
    space = Space.of("yx", scale, ("um", "um"), (100, 50))
    path = write_stack(tmp_path / "all", pages(), space)
    (image,) = read_image(path)
    assert image.space.scale == scale and image.space.translate == (100, 50)
    assert image.channel_axis == 0
