"""Pictures of every mode as arrays, and words for those that are none."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.errors import DataError, TooLargeError
from napari_pmrnet.io.pictures import read_picture


def test_grey_and_colours_keep_their_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for shape in ((5, 7), (5, 7, 3), (5, 7, 4)):
        pixels = rng.integers(0, 256, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "a.png")
        read = read_picture(tmp_path / "a.png")
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, pixels)


def test_16_bit_grey_keeps_its_values(tmp_path: Path) -> None:
    pixels = np.array([[0, 300], [65535, 7]], np.uint16)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    read = read_picture(tmp_path / "a.png")
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, pixels)


def test_palettes_and_two_colours_are_unfolded(tmp_path: Path) -> None:
    palette = Image.new("P", (4, 3))
    palette.putpalette([0, 0, 0, 200, 100, 50])
    palette.putpixel((1, 2), 1)
    palette.save(tmp_path / "p.png")
    read = read_picture(tmp_path / "p.png")
    assert read.shape == (3, 4, 3) and read[2, 1].tolist() == [200, 100, 50]
    palette.save(tmp_path / "t.png", transparency=0)
    read = read_picture(tmp_path / "t.png")
    assert read[2, 1].tolist() == [200, 100, 50, 255] and read[0, 0, 3] == 0
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "b.png"), 255 * np.eye(4))


def test_of_a_moving_picture_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 3), value) for value in (10, 20)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    assert (read_picture(tmp_path / "a.png") == 10).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG or JPEG"), ("a.jpg", "PNG or JPEG"), ("a.bmp", "BMP")],
)
def test_junk_is_named_by_what_it_should_be(
    tmp_path: Path, name: str, kind: str
) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(DataError, match=f"{name}: not a {kind} image"):
        read_picture(tmp_path / name)


def test_what_memory_has_no_room_for_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(
        "psutil.virtual_memory", lambda: SimpleNamespace(available=10_000)
    )
    with pytest.raises(TooLargeError, match="Save it as a tiled TIFF"):
        read_picture(tmp_path / "a.png")
