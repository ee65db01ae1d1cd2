"""Whatever goes wrong while reading is said in words, of the file or the software."""

import errno
from pathlib import Path

import pytest

from napari_pmrnet.errors import DataError, ImageError
from napari_pmrnet.io.reading import reading, words


def raised(error: Exception, path: Path) -> Exception:
    """What comes out of the block for what a library raises in it."""
    with (
        pytest.raises(Exception) as caught,
        reading(path, "numpy", damaged=lambda e: f"{path}: {words(e)}."),
    ):
        raise error
    return caught.value


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "gone.tif"
    told = raised(FileNotFoundError(errno.ENOENT, "No such file"), path)
    assert (
        isinstance(told, DataError) and str(told) == f"{path}: there is no such file."
    )


def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    told = raised(PermissionError(errno.EACCES, "Permission denied"), tmp_path)
    assert isinstance(told, DataError)
    assert "cannot be read (Permission denied)" in str(told)
    assert "damaged" not in str(told)


def test_what_a_decoder_says_is_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.touch()
    told = raised(ValueError("bad\n  header"), path)
    assert isinstance(told, DataError) and str(told) == f"{path}: bad header."


@pytest.mark.parametrize("error", [ImageError("said already."), MemoryError()])
def test_what_is_said_already_passes(error: Exception, tmp_path: Path) -> None:
    assert raised(error, tmp_path) is error


def test_nothing_wrong_nothing_said(tmp_path: Path) -> None:
    with reading(tmp_path, "numpy", damaged=str):
        pass


def test_an_error_without_words_has_its_name() -> None:
    assert words(EOFError()) == "EOFError"
    assert words(ValueError(" a \n b\t")) == "a b"
