"""Tables of a folder replace what a run before wrote, and nothing else."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from napari_pmrnet.batch.overviews import MOST_REFUSALS, Overviews
from napari_pmrnet.batch.summary import HEAD
from napari_pmrnet.errors import DataError


class Noted:
    """Overviews of a folder as successive runs see them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lines, self.images = folder, list[tuple[str, str]](), []

    def run(self) -> Overviews:
        known = {digest for _, digest in self.lines}
        note = lambda name, digest: self.lines.append((name, digest))  # noqa: E731
        return Overviews(self.folder, known, note, self.images)


@pytest.fixture
def noted(tmp_path: Path) -> Noted:
    return Noted(tmp_path)


def test_a_later_run_replaces_what_an_earlier_one_wrote(noted: Noted) -> None:
    path = noted.run().write("summary.csv", b"first")
    assert path == noted.folder / "summary.csv" and len(noted.lines) == 1
    assert noted.run().write("summary.csv", b"second") == path
    assert path.read_bytes() == b"second"
    assert [name for name, _ in noted.lines] == ["summary.csv"] * 2


def test_the_same_content_is_noted_once_however_it_is_written(noted: Noted) -> None:
    def content(stream: BytesIO) -> None:
        for piece in (b"se", b"cond"):
            stream.write(piece)

    overviews = noted.run()
    overviews.write("a.csv", b"second")
    overviews.write("a.csv", content)
    assert len(noted.lines) == 1


@pytest.mark.parametrize("changed", [b"corrected", HEAD + b"corrected"])
def test_what_was_changed_since_stays_and_a_number_is_added(
    noted: Noted, changed: bytes
) -> None:
    path = noted.run().write("a.csv", b"first")
    path.write_bytes(changed)
    noted.images.append("a.tif")
    assert noted.run().write("a.csv", b"second") == noted.folder / "a-2.csv"
    assert path.read_bytes() == changed


@pytest.mark.parametrize(("images", "replaced"), [(["a.tif"], True), ([], False)])
def test_a_table_of_a_version_that_noted_none_is_replaced(
    noted: Noted, images: list[str], replaced: bool
) -> None:
    path = noted.folder / "summary.csv"
    path.write_bytes(HEAD + b"...")
    noted.images = images
    assert (noted.run().write("summary.csv", b"new") == path) == replaced


def test_a_folder_is_replaced_as_a_table_is(noted: Noted) -> None:
    def make(path: Path) -> None:
        path.mkdir()
        (path / "part").write_bytes(b"%d" % len(noted.lines))

    path = noted.run().write_folder("plate.zarr", make)
    assert noted.run().write_folder("plate.zarr", make) == path
    assert (path / "part").read_bytes() == b"1"
    (path / "part").write_bytes(b"mine")
    other = noted.run().write_folder("plate.zarr", make)
    assert other.name == "plate-2.zarr" and (path / "part").read_bytes() == b"mine"
    assert {p.name for p in noted.folder.iterdir()} == {path.name, other.name}


def test_a_system_that_refuses_every_file_is_a_fault(
    noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Path] = []

    def refuse(path: Path, *_: object) -> None:
        tried.append(path)
        raise DataError(f"{path}: refused")

    monkeypatch.setattr("napari_pmrnet.batch.overviews.replace_file", refuse)
    with pytest.raises(DataError, match="refused"):
        noted.run().write("a.csv", b"first")
    assert [p.name for p in tried] == ["a.csv", "a-2.csv", "a-3.csv"][:MOST_REFUSALS]
