"""Files are whole or not there, and a refusal names the file and the way out."""

import errno
import os
from pathlib import Path

import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.write import (
    checked_target,
    disk_is_full,
    replace_file,
    unwritable,
)


@pytest.mark.parametrize(
    ("name", "kind", "made"),
    [
        ("a", Format.TIFF, "a.tif"),
        ("a.tiff", Format.TIFF, "a.tiff"),
        ("a", Format.ZARR, "a.zarr"),
        ("a", Format.ZIP, "a.zip"),
    ],
)
def test_a_name_gets_the_ending_that_it_lacks(
    tmp_path: Path, name: str, kind: Format, made: str
) -> None:
    assert checked_target(str(tmp_path / name), kind) == tmp_path / made


def test_places_that_will_not_do_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.tif").mkdir()
    (tmp_path / "file.zarr").touch()
    for name, kind, words in (
        ("a.png", Format.TIFF, "ends in .tif"),
        ("gone/a.tif", Format.TIFF, "its folder does not exist"),
        ("folder.tif", Format.TIFF, "is a folder"),
        ("file.zarr", Format.ZARR, "is a file"),
    ):
        with pytest.raises(DataError, match=words) as refused:
            checked_target(tmp_path / name, kind)
        assert str(tmp_path / name) in str(refused.value)


def test_a_file_is_replaced_when_all_of_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def write(stream) -> None:
        stream.write(b"new ")
        assert target.read_bytes() == b"old"
        stream.write(b"file")

    replace_file(target, write, overwrite=True)
    assert target.read_bytes() == b"new file"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left"), DataError),
        (ZeroDivisionError(), ZeroDivisionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_whatever_stops_it_the_old_file_stays(
    tmp_path: Path, error: BaseException, kind: type[BaseException]
) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")

    def fail(stream) -> None:
        stream.write(b"half")
        raise error

    with pytest.raises(kind):
        replace_file(target, fail, overwrite=True)
    assert target.read_bytes() == b"old" and list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_told_from_other_refusals(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    busy = OSError(errno.EBUSY, "in use")
    assert disk_is_full(full) and not disk_is_full(busy)
    assert not disk_is_full(ValueError())
    for cause, words in ((full, "Make room"), (busy, "Close it in other programs")):
        told = unwritable(tmp_path / "a.tif", cause)
        assert str(tmp_path / "a.tif") in str(told) and words in str(told)
        told.__cause__ = cause
        assert disk_is_full(told) is disk_is_full(cause)
