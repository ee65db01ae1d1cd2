"""TIFF files are opened, or refused in one line that names them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.tiff import native_order, open_tiff, read_tiff_array


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "i4", "f4"])
def test_pixels_come_in_the_order_of_this_machine(
    tmp_path: Path, order: str, kind: str
) -> None:
    written = np.arange(30).reshape(5, 6).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", written, byteorder=order)
    read = read_tiff_array(tmp_path / "a.tif")
    assert read.dtype == np.dtype(kind) and read.dtype.isnative
    np.testing.assert_array_equal(read, written)


def test_an_array_in_order_is_not_copied() -> None:
    array = np.arange(4, dtype=np.uint16)
    assert native_order(array) is array
    swapped = array.astype(array.dtype.newbyteorder())
    assert native_order(swapped).dtype.isnative
    np.testing.assert_array_equal(native_order(swapped), array)


def test_only_the_finest_level_of_the_first_series_is_read(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(np.full((64, 64), 7, np.uint8), subifds=1)
        tiff.write(np.full((32, 32), 8, np.uint8), subfiletype=1)
        tiff.write(np.full((9, 9), 9, np.uint16))
    read = read_tiff_array(tmp_path / "a.tif")
    assert read.shape == (64, 64) and (read == 7).all()


@pytest.mark.parametrize("content", [b"", b"II*\0", b"no TIFF at all", b"\0" * 999])
def test_what_is_no_tiff_is_said(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_tiff_array(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)


def test_pages_that_were_cut_off_are_not_read_as_all(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 32, 32), np.uint8), photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        last = tiff.pages[3].offset
    whole = path.read_bytes()
    path.write_bytes(whole[:last])
    with pytest.raises(DataError, match=str(path.name)):
        read_tiff_array(path)


def test_an_error_of_the_block_is_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="too large for this computer"), open_tiff(path):
        raise MemoryError
    with pytest.raises(DataError, match="there is no such file"):
        read_tiff_array(tmp_path / "gone.tif")
