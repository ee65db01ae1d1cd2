"""What every writer keeps to: nothing of others is lost, nothing is there in part.

`WRITERS` walks through all that write where the user says; the tests on the code see to
it that a new one comes through `io.write`, and is listed here.
"""

from __future__ import annotations

import ast
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from limits import file_limit, sampled
from typer.testing import CliRunner

import napari_pmrnet
from napari_pmrnet.batch.counts import Counts, write_counts
from napari_pmrnet.cli.app import app
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.evaluation.report import FILES, check_report_place
from napari_pmrnet.export.write import export_model
from napari_pmrnet.io import labels as labels_module
from napari_pmrnet.io import map_stack, settle
from napari_pmrnet.io import write as write_module
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_zarr import create_label_zarr, is_label_zarr
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.map_stack import write_stack
from napari_pmrnet.io.permit import Inputs, Overwrite, Permit, hash_of, parts_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.rois import write_geojson, write_rois
from napari_pmrnet.io.write import finish_swap, replace_file, replace_folder
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.weights import save_model
from napari_pmrnet.plugin.layers.label_export import permit_for
from napari_pmrnet.plugin.reader import _label_zarr_layer
from napari_pmrnet.proofreading.measure import measure, write_table
from napari_pmrnet.segmentation import label_store
from napari_pmrnet.segmentation.block_files import BlockFiles
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.presets import write_preset
from napari_pmrnet.settings import Settings

SOURCE = Path(napari_pmrnet.__file__).parent
LABELS = np.zeros((24, 30), np.int32)
LABELS[4:12, 5:15], LABELS[14:20, 18:25] = 1, 2
PRECIOUS = b"precious, and of someone else"

Writer = Callable[[Path, Overwrite], object]


def store_labels(
    path: Path,
    overwrite: Overwrite,
    image: Path | None = None,
    certainty: float = 0.9,
) -> None:
    store = LabelStore(path, overwrite=overwrite, image=image)
    with store:
        labels = store.create(LABELS.shape, Provenance())
        labels[:, :] = LABELS
        store.finish(pd.DataFrame({"label": [1, 2], "certainty": certainty}))


def save(path: Path, overwrite: Overwrite) -> None:
    import torch

    card = new_card(["probability"], window=64)
    save_model(path, {"a": torch.zeros(3)}, card, overwrite=bool(overwrite))


WRITERS: dict[str, Writer] = {
    "a.tif": lambda path, yes: write_labels(path, LABELS, overwrite=yes),
    "stack.tif": lambda path, yes: write_stack(path, {"a": LABELS}, overwrite=yes),
    "rois.zip": lambda path, yes: write_rois(path, LABELS, overwrite=yes),
    "a.geojson": lambda path, yes: write_geojson(path, LABELS, overwrite=yes),
    "a.csv": lambda path, yes: write_table(path, measure(LABELS), overwrite=yes),
    "counts.csv": lambda path, yes: write_counts(path, Counts().table(), overwrite=yes),
    "a.pmrnet-preset": lambda path, yes: write_preset(path, Settings(), overwrite=yes),
    "a.safetensors": save,
    "model.zip": lambda path, yes: export_model("nuclei", path, overwrite=yes),
}
LATER = {
    "a.onnx": lambda path: export_model("nuclei", path),
    "a.bioimageio.zip": lambda path: export_model("nuclei", path),
    "report": lambda path: check_report_place(path.parent, overwrite=False),
}
"""Writers that take their time: they look before they begin."""

every_writer = pytest.mark.parametrize("name", WRITERS)


def precious(path: Path) -> Path:
    path.write_bytes(PRECIOUS)
    return path


@every_writer
def test_a_file_of_others_stays(tmp_path: Path, name: str) -> None:
    path = precious(tmp_path / name)
    with pytest.raises(PMRNetError, match=r"exists already.*overwrite"):
        WRITERS[name](path, False)
    assert path.read_bytes() == PRECIOUS and list(tmp_path.iterdir()) == [path]
    WRITERS[name](path, True)
    assert path.read_bytes() != PRECIOUS
    assert not list(tmp_path.glob(".*"))


@every_writer
def test_a_name_that_is_too_long_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{'n' * 300}{Path(name).suffix}"
    with pytest.raises(DataError, match=r"too long.*Choose a shorter"):
        WRITERS[name](path, False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", LATER)
def test_what_takes_long_looks_first(tmp_path: Path, name: str) -> None:
    path = precious(tmp_path / (FILES[0] if name == "report" else name))
    with pytest.raises(PMRNetError, match="exists already"):
        LATER[name](path)
    assert path.read_bytes() == PRECIOUS


@pytest.mark.parametrize(
    "arguments",
    [
        ["benchmark", "--output"],
        ["models", "export", "nuclei"],
        ["data", "check", "dsb18", ".", "--table"],
    ],
)
def test_commands_look_first(tmp_path: Path, arguments: list[str]) -> None:
    path = precious(tmp_path / "a.zip")
    done = CliRunner().invoke(app, [*arguments, str(path)])
    assert isinstance(done.exception, DataError)
    assert "exists already" in str(done.exception)
    assert path.read_bytes() == PRECIOUS


@every_writer
def test_a_file_that_came_meanwhile_stays(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another program writes while ours is written is not replaced."""
    path, real = tmp_path / name, write_module.settle_file

    def meanwhile(stream: Any) -> None:
        real(stream)
        if not path.exists():
            precious(path)

    monkeypatch.setattr(write_module, "settle_file", meanwhile)
    with pytest.raises(DataError, match="exists already"):
        WRITERS[name](path, False)
    assert path.read_bytes() == PRECIOUS and list(tmp_path.iterdir()) == [path]


def twins(folder: Path, image: Path) -> list[Path]:
    """Other names of an image."""
    link, hard = folder / "link.tif", folder / "hard.tif"
    link.symlink_to(image)
    os.link(image, hard)
    (folder / "more").mkdir()
    return [
        image,
        link,
        hard,
        folder / "more" / ".." / image.name,
        image.with_name(image.name.upper()),
        Path(os.path.relpath(image)),
    ]


def test_only_those_who_can_allow_it_are_told_to(tmp_path: Path) -> None:
    """No command but some has --overwrite, and a dock has asked already."""
    taken = tmp_path / "a.tif"
    taken.touch()
    assert "--overwrite" in str(Permit().refusal(taken))
    for refusing in (Permit(offered=False), permit_for(tmp_path / "a", ())):
        assert "or move that away." in str(refusing.refusal(taken))
        with pytest.raises(DataError, match="or move that away"):
            replace_file(taken, b"", refusing)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_an_input_stays_under_every_name(tmp_path: Path) -> None:
    image = precious(tmp_path / "image.tif")
    permit = Permit(overwrite=True, inputs=Inputs([image]), image=image)
    for path in twins(tmp_path, image):
        with pytest.raises(DataError, match="is read from"):
            write_labels(path, LABELS, overwrite=permit)
        assert image.read_bytes() == PRECIOUS
    write_labels(tmp_path / "image_labels.tif", LABELS, overwrite=permit)


def test_nothing_goes_into_or_around_an_input(tmp_path: Path) -> None:
    raw = tmp_path / "raw.zarr"
    create_label_zarr(raw, (4, 4), name="raw")
    (tmp_path / "link").symlink_to(raw)
    for path in (raw / "a.tif", raw / "0" / "a.tif", tmp_path / "link" / "a.tif"):
        with pytest.raises(DataError, match="inside the Zarr folder"):
            write_labels(path, LABELS, overwrite=True)
    around = Permit(overwrite=True, inputs=Inputs([raw / "inside.tif"]))
    with pytest.raises(DataError, match="is read from"):
        LabelStore(raw, overwrite=around)


def test_a_folder_that_is_no_label_image_is_never_replaced(tmp_path: Path) -> None:
    for name in ("plain.zarr", "raw.zarr"):
        (tmp_path / name).mkdir()
        precious(tmp_path / name / "a")
    (tmp_path / "raw.zarr" / ".zattrs").write_text('{"multiscales": []}')
    for name in ("plain.zarr", "raw.zarr"):
        for overwrite in (False, True):
            with pytest.raises(DataError, match="holds no labels of napari-pmrnet"):
                store_labels(tmp_path / name, overwrite)
        assert (tmp_path / name / "a").read_bytes() == PRECIOUS


def test_labels_on_disk_are_replaced_if_the_user_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    store_labels(path, False)
    with pytest.raises(DataError, match="exists already"):
        store_labels(path, False)
    precious(path / "mine")
    store_labels(path, True)
    assert not (path / "mine").exists()
    assert {one.name for one in tmp_path.iterdir()} == {"a.zarr", "a.csv"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_table_of_others_beside_them_stays(tmp_path: Path, overwrite: bool) -> None:
    table = precious(tmp_path / "plate.csv")
    with pytest.raises(DataError, match=r"plate.csv: exists already"):
        store_labels(tmp_path / "plate.zarr", overwrite)
    assert table.read_bytes() == PRECIOUS and list(tmp_path.iterdir()) == [table]


def test_folders_that_only_look_like_ours_stay(tmp_path: Path) -> None:
    names = ("plane", ".a.zarr.unfinished", ".a.zarr.unfinished-0123456789ab")
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir()
        precious(folder / "mine")
    with pytest.raises(DataError, match="in the way"):
        BlockFiles(folders[0], {})
    store_labels(tmp_path / "a.zarr", False)
    assert all((folder / "mine").read_bytes() == PRECIOUS for folder in folders)


def test_labels_that_were_never_finished_go(tmp_path: Path) -> None:
    for name in (".a.zarr.unfinished", ".a.zarr.unfinished-0123456789ab"):
        create_label_zarr(tmp_path / name, (4, 4), name="a")
    store_labels(tmp_path / "a.zarr", False)
    assert {one.name for one in tmp_path.iterdir()} == {"a.zarr", "a.csv"}


def test_labels_of_this_image_give_way_until_they_are_touched(tmp_path: Path) -> None:
    image, other = precious(tmp_path / "a.png"), precious(tmp_path / "b.png")
    permit = Permit(image=image)
    path = write_labels(tmp_path / "a_labels.tif", LABELS, image=image)
    assert permit.allows(path) and not Permit(image=other).allows(path)
    write_labels(path, 2 * LABELS, image=image, overwrite=permit)
    moved = tmp_path / "moved"
    moved.mkdir()
    for one in (image, path):
        shutil.copy(one, moved)
    assert Permit(image=moved / "a.png").allows(moved / path.name)
    # Corrected here: the reader's tag comes along, what says "not corrected" does not.
    (read,) = read_image(path)
    write_labels(path, read.data, read.space, overwrite=True)
    assert not permit.allows(path)
    # Corrected elsewhere, the tag left in place.
    write_labels(path, LABELS, image=image, overwrite=True)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        offset = tiff.pages.first.dataoffsets[0]
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(b"\x01")
    assert not permit.allows(path)


@every_writer
@pytest.mark.parametrize("stage", ["write", "sync", "short", "rename"])
def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, name: str, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, number = tmp_path / name, errno.ENOSPC
    WRITERS[name](path, True)
    before = {one: hash_of(one) for one in tmp_path.iterdir()}

    def full(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    def cut(stream: Any) -> None:
        """A file system that takes the last bytes and does not keep them."""
        stream.flush()
        os.truncate(stream.fileno(), stream.tell() - 7)

    if stage == "write":
        monkeypatch.setattr(write_module._Counted, "write", full)
    elif stage == "sync":
        monkeypatch.setattr(os, "fsync", full)
    elif stage == "short":
        monkeypatch.setattr(write_module, "settle_file", cut)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DataError, match="cannot be written"):
        WRITERS[name](path, True)
    assert {one: hash_of(one) for one in tmp_path.iterdir()} == before


@every_writer
def test_a_file_system_that_ends_at_any_byte(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](path, True)
    before = {one: hash_of(one) for one in tmp_path.iterdir()}
    for size in sampled(path.stat().st_size, 6):
        with file_limit(size), pytest.raises(DataError, match="cannot be written"):
            WRITERS[name](path, True)
        assert {one: hash_of(one) for one in tmp_path.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.tif", "a.zarr", "a.safetensors", "a.csv"])
def test_a_thousand_ends_of_the_file_system(tmp_path: Path, name: str) -> None:
    path, write = tmp_path / name, WRITERS.get(name, store_labels)
    write(path, True)
    before = {one.name: hash_of(one) for one in tmp_path.glob("a.*")}
    biggest = max(one.stat().st_size for one in parts_of(path))
    for size in np.random.default_rng(0).integers(0, biggest, 1000):
        with file_limit(int(size)), pytest.raises(DataError):
            write(path, True)
        assert {one.name: hash_of(one) for one in tmp_path.glob("a.*")} == before


@pytest.mark.parametrize("shape", [(100, 150), (130, 77), (1, 100, 150), (3, 90, 71)])
def test_a_disk_that_is_full_at_any_page(disk: Path, shape: tuple[int, ...]) -> None:
    """A label TIFF is whole or not there, also where only its end has no room."""
    labels = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    path, filler, page = disk / "a.tif", disk / "filler", 4096
    need = write_labels(path, labels).stat().st_size
    path.unlink()
    room, pages = shutil.disk_usage(disk).free // page, -(-need // page)
    for given in range(pages + 1):
        filler.write_bytes(bytes((room - given) * page))
        try:
            write_labels(path, labels)
        except DataError:
            assert [one.name for one in disk.iterdir()] == ["filler"]
        else:
            assert given == pages and path.stat().st_size == need
            assert np.array_equal(read_image(path)[0].data, labels)


@every_writer
def test_shares_that_refuse_for_a_moment(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share without fsync, and a virus scanner that has the file open."""
    real, refusals = os.replace, []

    def no_sync(_: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def scanned(*arguments: Any) -> None:
        refusals.append(arguments)
        if len(refusals) < 3:
            raise PermissionError(errno.EACCES, "in use")
        real(*arguments)

    WRITERS[name](tmp_path / name, True)
    monkeypatch.setattr(settle, "_WAITS", (0, 0, 0))
    monkeypatch.setattr(os, "fsync", no_sync)
    monkeypatch.setattr(os, "replace", scanned)
    monkeypatch.setattr(os, "link", scanned)
    WRITERS[name](tmp_path / name, True)
    assert len(refusals) > 2


def test_without_links_a_new_file_still_replaces_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    path = write_labels(tmp_path / "a.tif", LABELS)
    with pytest.raises(DataError, match="exists already"):
        write_labels(path, LABELS)


@pytest.mark.parametrize("stage", ["moved away", "both there"])
def test_a_swap_of_folders_that_was_killed_is_made_good(
    tmp_path: Path, stage: str
) -> None:
    path = tmp_path / "a.zarr"
    store_labels(path, False)
    kept = tmp_path / ".a.zarr.before"
    if stage == "moved away":
        path.rename(kept)
    else:
        shutil.copytree(path, kept)
    finish_swap(path)
    assert is_label_zarr(path)
    assert {one.name for one in tmp_path.iterdir()} == {"a.zarr", "a.csv"}


def test_a_kill_between_labels_and_table_is_made_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, image = tmp_path / "a.zarr", precious(tmp_path / "a.png")
    permit = Permit(image=image)
    store_labels(path, permit, image)
    table = path.with_suffix(".csv").read_bytes()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(label_store, "replace_file", killed)
        with pytest.raises(KeyboardInterrupt):
            store_labels(path, permit, image, certainty=0.1)
    (_, meta, _) = _label_zarr_layer(path)
    assert "features" not in meta
    assert path.with_suffix(".csv").read_bytes() == table
    store_labels(path, permit, image, certainty=0.1)
    (_, meta, _) = _label_zarr_layer(path)
    assert list(meta["features"]["certainty"]) == [0.1, 0.1]


def test_a_swap_of_folders_that_fails_leaves_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new, real = tmp_path / "a.zarr", tmp_path / "new", os.rename
    create_label_zarr(old, (4, 4), name="old")
    create_label_zarr(new, (4, 4), name="new")
    before = hash_of(old)

    def refuses_new(source: Path, target: Path) -> None:
        if Path(source) == new:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    monkeypatch.setattr(os, "rename", refuses_new)
    with pytest.raises(DataError, match="cannot be written"):
        replace_folder(new, old, True)
    assert hash_of(old) == before and new.exists()


def test_above_four_gigabytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels_module, "LARGEST_CLASSIC", 100)
    path = write_labels(tmp_path / "a.tif", LABELS)
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_bigtiff
    (read,) = read_image(path)
    assert read.is_labels and np.array_equal(read.data, LABELS)
    monkeypatch.setattr(map_stack, "LARGEST", 100)
    with pytest.raises(DataError, match="4 GB"):
        write_stack(tmp_path / "b.tif", {"a": LABELS})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(DataError, match="no plain file"):
        write_labels(tmp_path / "a.tif", LABELS, overwrite=True)


def test_numpy_cannot_write_past_the_count(tmp_path: Path) -> None:
    """NumPy's own writing loses the end of an array on a full disk."""
    array = np.arange(5000)
    path = tmp_path / "a.npy"
    replace_file(path, lambda stream: np.save(stream, array), False)
    assert np.array_equal(np.load(path), array)
    with pytest.raises(AttributeError):
        write_module._Counted(path.open("rb")).name  # noqa: B018
    with pytest.raises(OSError, match="fileno"):
        array.tofile(write_module._Counted(path.open("r+b")))


RAW = {
    "write_text",
    "write_bytes",
    "to_csv",
    "savefig",
    "imwrite",
    "rmtree",
    "unlink",
    "replace",
    "rename",
    "move",
    "copyfile",
    "copy",
    "copytree",
    "open",
    "save",
    "ZipFile",
    "TiffWriter",
    "open_group",
    "touch",
}
"""Calls that can write to, or remove from, a disk."""
MAY = {
    "batch/lock.py": "its own lock",
    "batch/run_log.py": "its own record and temporary files",
    "benchmark/files.py": "temporary folders",
    "export/bioimageio.py": "a temporary folder",
    "io/label_plate.py": "makes a new folder only",
    "io/label_zarr.py": "makes a new folder only",
    "io/lock.py": "its own lock and note",
    "io/write.py": "the one place",
    "models/backends/conversion.py": "its own cache",
    "models/backends/openvino.py": "its own cache",
    "models/user_models.py": "models of the library that the user names",
    "plugin/review/persistence.py": "sets a damaged journal aside",
    "plugin/train/process.py": "its own folder",
    "proofreading/journal.py": "its own journal",
    "proofreading/record_file.py": "its own journal, a damaged one set aside",
    "proofreading/saved_review.py": "maps of its own review",
    "segmentation/block_files.py": "what it has looked at",
    "segmentation/label_store.py": "what it has looked at",
    "segmentation/presets.py": "WRITERS",
    "segmentation/tiles.py": "its own tiles",
    "finetuning/job.py": "its own folder",
    "io/alone.py": "its own lock",
    "io/append.py": "logs of their own",
}


def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Calls of a module that may touch a disk."""
    found: list[tuple[str, ast.Call]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = getattr(function, "attr", getattr(function, "id", ""))
        if name in RAW and touches(name, node):
            found.append((name, node))
    return found


def touches(name: str, node: ast.Call) -> bool:
    """Tell whether a call can change what lies on a disk."""
    words = [a.value for a in node.args if isinstance(a, ast.Constant)]
    owner = getattr(getattr(node.func, "value", None), "id", "")
    if name in ("open", "ZipFile", "open_group"):
        modes = [w for w in words if isinstance(w, str)]
        modes += [
            k.value.value
            for k in node.keywords
            if k.arg == "mode" and isinstance(k.value, ast.Constant)
        ]
        inside = node.args and getattr(node.args[0], "id", "") == "stream"
        return not inside and any(set(m) & set("wxa+") and len(m) < 4 for m in modes)
    if name in ("replace", "rename", "copy", "move"):
        return owner in ("os", "shutil", "path", "Path", "place", "temporary")
    if name in ("to_csv", "imwrite", "TiffWriter", "save", "savefig"):
        first = node.args[0] if node.args else None
        return isinstance(first, ast.BinOp) or getattr(first, "id", "") in (
            "path",
            "table",
            "target",
            "output",
            "file",
        )
    return True


def test_no_module_writes_on_its_own() -> None:
    """A new writer goes through `io.write`, which asks a `Permit`."""
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if calls(path)
    }
    assert not found - set(MAY)


LISTED = {
    "models/backends/openvino.py": "its own cache",
    "batch/counts.py": "WRITERS",
    "batch/kept_maps.py": "tests/batch/test_kept_maps.py",
    "batch/overviews.py": "tests/batch/test_overviews.py",
    "batch/run.py": "thumbnails of its own record",
    "batch/worklist.py": "tests/batch/test_worklist.py",
    "cli/data.py": "test_commands_look_first",
    "cli/evaluate.py": "test_commands_look_first",
    "cli/finetune.py": "its output",
    "evaluation/report.py": "LATER",
    "export/bioimageio.py": "LATER",
    "export/onnx.py": "LATER",
    "export/write.py": "WRITERS",
    "finetuning/corrections.py": "its own job",
    "finetuning/job.py": "its own job",
    "io/labels.py": "WRITERS",
    "io/lock.py": "its own note",
    "io/map_stack.py": "WRITERS",
    "io/rois.py": "WRITERS",
    "models/card.py": "with save_model",
    "models/user_models.py": "names are free",
    "models/weights.py": "WRITERS",
    "proofreading/measure.py": "WRITERS",
    "proofreading/record_file.py": "copies of a damaged journal",
    "proofreading/saved_review.py": "its own folder",
    "segmentation/block_files.py": "its own blocks",
    "segmentation/label_store.py": "store_labels",
    "segmentation/presets.py": "WRITERS",
    "segmentation/tiles.py": "its own tiles",
    "training/trainer.py": "its own checkpoint",
}


def test_every_writer_is_listed() -> None:
    """Whoever brings a new one says here where it is shown that nothing is lost."""
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if "import" in (text := path.read_text(encoding="utf-8"))
        and ("replace_file" in text or "replace_folder(" in text)
    }
    assert users - {"io/write.py"} <= set(LISTED)
