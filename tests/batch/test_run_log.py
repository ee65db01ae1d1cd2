"""The record of a folder: read on by the next run, whatever was lost meanwhile."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from napari_pmrnet.batch.inputs import Source
from napari_pmrnet.batch.run_log import Entry, Record, file_key, size_of
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.image_place import ImagePlace
from napari_pmrnet.io.permit import Inputs, Permit, hash_of
from napari_pmrnet.settings import Settings


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "out")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.tif"
    path.write_bytes(b"pixels")
    return path


def done(record: Record, file: str = "a.tif") -> Entry:
    """A finished file with its labels."""
    target = record.output / f"{file}_labels.tif"
    target.write_bytes(b"labels")
    entry = Entry(Row(file, target.name, 3, 0.9), {"size": 1}, hash_of(target))
    record.add(entry)
    return entry


def test_entries_come_back_and_the_last_of_a_file_counts(record: Record) -> None:
    done(record)
    record.add(replace(done(record), row=Row("a.tif", "a.tif_labels.tif", 4)))
    again = Record(record.output)
    assert again.entries == record.entries
    assert again.entries["a.tif"].row.nuclei == 4


def test_labels_that_are_gone_or_made_otherwise_are_not_finished(
    record: Record,
) -> None:
    entry = done(record)
    assert record.is_finished(entry, {"size": 1})
    assert not record.is_finished(entry, {"size": 2})
    (record.output / entry.row.labels).unlink()
    assert not record.is_finished(entry, {"size": 1})
    assert not record.is_kept(entry, Permit()), "labels that are gone are none"


def test_corrected_labels_are_noticed(record: Record) -> None:
    entry = done(record)
    assert not record.is_kept(entry, Permit())
    (record.output / entry.row.labels).write_bytes(b"corrected")
    assert record.is_kept(entry, Permit())
    assert record.is_kept(replace(entry, labels_hash=""), Permit())
    assert not record.is_kept(entry, Permit(True))


def test_a_name_once_given_stays_and_no_other_file_gets_it(
    record: Record, image: Path
) -> None:
    first = record.claim(Source(ImagePlace(image), Path()), Permit())
    assert first.row.labels == "a_labels.tif"
    other = image.with_suffix(".png")
    other.touch()
    second = record.claim(Source(ImagePlace(other), Path()), Permit())
    assert second.row.labels not in ("", first.row.labels)
    again = Record(record.output)
    assert again.claim(Source(ImagePlace(image), Path()), Permit()).row == first.row


def test_neither_inputs_nor_files_of_others_are_replaced(
    record: Record, image: Path
) -> None:
    taken = record.output / "a_labels.tif"
    taken.touch()
    source = Source(ImagePlace(image), Path())
    assert record.claim(source, Permit()).row.labels != taken.name
    fresh = Record(record.output.with_name("other"))
    permit = Permit(True, Inputs([fresh.output / "a_labels.tif"]))
    (fresh.output / "a_labels.tif").touch()
    assert fresh.claim(source, permit).row.labels != taken.name


def test_the_key_of_a_file_is_of_all_that_labels_depend_on(image: Path) -> None:
    key = file_key(image, Settings(), "weights")
    assert key == file_key(image, Settings(device="cpu", model="x"), "weights")
    others = [
        file_key(image, Settings(seed_threshold=0.3), "weights"),
        file_key(image, Settings(), "other weights"),
        file_key(image, Settings(), "weights", "t"),
    ]
    image.write_bytes(b"more pixels")
    others.append(file_key(image, Settings(), "weights"))
    assert key not in others and len({repr(o) for o in others}) == len(others)


def test_folders_count_by_all_their_files(tmp_path: Path) -> None:
    folder = tmp_path / "a.zarr"
    (folder / "0").mkdir(parents=True)
    (folder / ".zattrs").write_bytes(b"{}")
    (folder / "0" / "0.0").write_bytes(b"12345")
    assert size_of(folder) == 7 and size_of(tmp_path / "gone") == 0
    before = hash_of(folder)
    assert hash_of(folder) == before
    (folder / "0" / "0.0").rename(folder / "0" / "0.1")
    assert hash_of(folder) != before


def test_rows_are_those_of_this_run_and_those_that_have_labels(record: Record) -> None:
    kept = done(record, "b.tif")
    record.add(Entry(Row("a.tif", "a_labels.tif", error="damaged")))
    record.add(Entry(Row("old.tif", "old_labels.tif", error="damaged")))
    lost = done(record, "c.tif")
    (record.output / lost.row.labels).unlink()
    rows = record.rows({"a.tif", "b.tif", "c.tif"}, {})
    assert [row.file for row in rows] == ["a.tif", "b.tif"]
    assert rows[0].labels == "" and rows[1] == kept.row


def test_only_abandoned_temporary_files_are_swept_away(record: Record) -> None:
    names = (".pmrnet-old.tmp", ".pmrnet-new.tmp", "mine.tmp")
    old, fresh, other = (record.output / name for name in names)
    for path in (old, fresh, other):
        path.touch()
    hour = time.time() - 3600
    for path in (old, other):
        os.utime(path, (hour, hour))
    record.sweep()
    assert not old.exists() and fresh.exists() and other.exists()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="the output folder cannot be written to"):
        Record(tmp_path / "file")
