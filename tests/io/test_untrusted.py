"""Files that would run programs, fill the memory, or hold pixels that are not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import psutil
import pytest
import tifffile
import zarr
from numcodecs.abc import Codec
from PIL import EpsImagePlugin, Image

from napari_pmrnet.datasets.folder import _image_size
from napari_pmrnet.datasets.pixels import image_size
from napari_pmrnet.errors import DataError, TooLargeError
from napari_pmrnet.io.images import open_image, read_image
from napari_pmrnet.io.memory import READ_ANYWAY
from napari_pmrnet.io.pictures import read_picture
from napari_pmrnet.segmentation.stack import Stack

READERS = [read_image, open_image]


def numbers(*shape: int, dtype: str = "u1") -> np.ndarray:
    return np.random.default_rng(0).integers(1, 250, shape).astype(dtype)


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 20 20
%%EndComments
showpage
%%EOF
"""


@pytest.mark.parametrize("read", [read_picture, read_image, image_size, _image_size])
def test_no_program_is_started_for_a_picture(tmp_path, monkeypatch, read) -> None:
    def started(*args: object, **options: object) -> None:
        pytest.fail("Ghostscript was asked for")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    (tmp_path / "a.png").write_bytes(EPS)
    with pytest.raises(DataError, match=r"a\.png: not a PNG or JPEG"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("kind", ["gif", "webp", "tiff", "ppm", "pcx"])
def test_other_formats_are_not_decoded_by_their_content(tmp_path, kind) -> None:
    Image.fromarray(numbers(9, 8)).save(tmp_path / f"a.{kind}")
    (tmp_path / f"a.{kind}").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: not a PNG or JPEG"):
        read_picture(tmp_path / "a.png")


def test_the_content_counts_and_not_the_ending(tmp_path) -> None:
    Image.fromarray(numbers(9, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.jpg"), numbers(9, 8))


def ome_zarr(
    path: Path, data: np.ndarray, version: Any = 2, chunks: int = 16, **options: Any
) -> zarr.Array:
    group: Any = zarr.open_group(path, mode="w", zarr_format=version)
    options.setdefault("chunks", (chunks,) * data.ndim)
    array = group.create_array("0", data=data, **options)
    about = [{"axes": list("tczyx")[-data.ndim :], "datasets": [{"path": "0"}]}]
    group.attrs.update({"multiscales": about})
    return array


class Runs(Codec):
    """A codec that does what a file says."""

    codec_id = "runs"
    ran = False

    def encode(self, buf: Any) -> Any:
        return buf

    def decode(self, buf: Any, out: Any = None) -> Any:
        Runs.ran = True
        return numcodecs.compat.ndarray_copy(buf, out)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("key", ["compressor", "filters"])
@pytest.mark.parametrize("consolidated", [False, True])
def test_codecs_that_run_code_are_refused(tmp_path, read, key, consolidated) -> None:
    numcodecs.register_codec(Runs)
    path = tmp_path / "a.zarr"
    ome_zarr(path, numbers(32, 32), compressors=None)
    about = json.loads((path / "0/.zarray").read_text())
    about[key] = {"id": "runs"} if key == "compressor" else [{"id": "runs"}]
    (path / "0/.zarray").write_text(json.dumps(about))
    if consolidated:
        zarr.consolidate_metadata(path, zarr_format=2)
        shutil.copy(path / ".zattrs", path / "0/.zattrs")
    Runs.ran = False
    with pytest.raises(DataError, match=r"a\.zarr: is packed by 'runs'"):
        read(path)
    assert not Runs.ran


PICKLE = {"id": "pickle", "protocol": 5}
DELTA = {"id": "delta", "dtype": "|u1"}


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "about",
    [
        {"dtype": "|O", "filters": [PICKLE]},
        {"filters": [PICKLE]},
        {"filters": [PICKLE, DELTA]},
        {"filters": [DELTA, PICKLE]},
        {"compressor": PICKLE},
    ],
)
def test_nothing_is_unpickled(tmp_path, read, about) -> None:
    path = tmp_path / "a.zarr"
    ome_zarr(path, numbers(32, 32), compressors=None)
    known = json.loads((path / "0/.zarray").read_text())
    (path / "0/.zarray").write_text(json.dumps(known | about))
    marker = tmp_path / "ran"
    code = f"cbuiltins\nexec\n(S'open({str(marker)!r}, \"w\")'\ntR.".encode()
    for chunk in (path / "0").glob("[0-9]*"):
        chunk.write_bytes(code)
    with pytest.raises(DataError, match=r"a\.zarr"):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    ("version", "options"),
    [
        (2, {}),
        (2, {"compressors": numcodecs.Zlib()}),
        (2, {"filters": [numcodecs.Delta(dtype="u1")]}),
        (3, {}),
        (3, {"shards": (32, 32)}),
        (3, {"compressors": zarr.codecs.BloscCodec()}),
    ],
)
def test_usual_codecs_are_read(tmp_path, version, options) -> None:
    ome_zarr(tmp_path / "a.zarr", numbers(64, 64), version, **options)
    (image,) = read_image(tmp_path / "a.zarr")
    np.testing.assert_array_equal(image.data, numbers(64, 64))
    assert not image.notes


def little_memory(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    memory = psutil.virtual_memory()._replace(available=free)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)


def large_png(path: Path) -> Path:
    Image.new("L", (3000, 3000)).save(path / "a.png")
    return path / "a.png"


def large_tiff(path: Path) -> Path:
    zeros = np.zeros((3000, 3000), np.uint8)
    tifffile.imwrite(path / "a.tif", zeros, compression="zlib", tile=(256, 256))
    return path / "a.tif"


def large_zarr(path: Path) -> Path:
    ome_zarr(path / "a.zarr", np.zeros((3000, 3000), np.uint8), chunks=500)
    return path / "a.zarr"


LARGE = [large_png, large_tiff, large_zarr]


@pytest.mark.parametrize("make", LARGE)
def test_what_unpacks_to_more_than_the_memory_is_refused(
    tmp_path, monkeypatch, make
) -> None:
    path = make(tmp_path)
    little_memory(monkeypatch, 5_000_000)
    with pytest.raises(
        TooLargeError, match=rf"{path.name}: unpacks to .*{READ_ANYWAY}"
    ):
        read_image(path)
    monkeypatch.setenv(READ_ANYWAY, "1")
    assert read_image(path)[0].data.shape == (3000, 3000)


@pytest.mark.parametrize("make", LARGE[1:])
def test_it_is_opened_lazily_where_it_can_be(tmp_path, monkeypatch, make) -> None:
    path = make(tmp_path)
    little_memory(monkeypatch, 5_000_000)
    (image,) = open_image(path)
    assert image.data[:9, :9].compute().shape == (9, 9)
    little_memory(monkeypatch, 50_000)
    with pytest.raises(TooLargeError):
        open_image(path)


def test_a_picture_of_200_megapixels_is_read(tmp_path) -> None:
    Image.new("1", (20_000, 10_000)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").shape == (10_000, 20_000)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("version", "shards"), [(2, None), (3, None), (3, (32, 32))])
def test_chunks_that_are_not_stored_are_counted(
    tmp_path, read, version, shards
) -> None:
    path = tmp_path / "a.zarr"
    options = {} if shards is None else {"shards": shards}
    array = ome_zarr(path, numbers(64, 64), version, **options)
    stored = array.metadata.encode_chunk_key((0, 1))
    (path / "0" / stored).unlink()
    (image,) = read(path)
    side = 16 if shards is None else 32
    (note,) = image.notes
    assert note.startswith(f"1 of {(64 // side) ** 2} chunks of the image are not")
    data = np.asarray(image.data)
    assert not data[:side, side : 2 * side].any() and data[side:].all()


def test_labels_may_be_sparse(tmp_path) -> None:
    path = tmp_path / "a.zarr"
    array = ome_zarr(path, numbers(64, 64))
    zarr.open_group(path).attrs["image-label"] = {}
    (path / "0" / array.metadata.encode_chunk_key((0, 1))).unlink()
    assert not read_image(path)[0].notes


@pytest.mark.parametrize(("version", "shards"), [(2, None), (3, None), (3, (32, 32))])
def test_an_unreadable_chunk_of_a_zarr_is_named(tmp_path, version, shards) -> None:
    path = tmp_path / "a.zarr"
    options = {} if shards is None else {"shards": shards}
    side = 16 if shards is None else 32
    array = ome_zarr(path, numbers(64, 64), version, **options)
    key = array.metadata.encode_chunk_key((1, 1))
    content = (path / "0" / key).read_bytes()
    (path / "0" / key).write_bytes(b"\x55" * (len(content) // 2))
    told = rf"a\.zarr: chunk 0/{key} cannot be read .* again"
    with pytest.raises(DataError, match=told):
        read_image(path)
    (image,) = open_image(path)
    assert image.data[:16, :16].compute().all()
    with pytest.raises(DataError, match=told):
        Stack.of(image).plane(()).read((slice(side + 4, side + 6),) * 2)


def test_an_unreadable_tile_of_a_tiff_is_named(tmp_path) -> None:
    path = tmp_path / "a.tif"
    data = numbers(3, 64, 64)
    tifffile.imwrite(
        path, data, tile=(16, 16), compression="zlib", photometric="minisblack"
    )
    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages[1]
        start, length = page.dataoffsets[5], page.databytecounts[5]
    content = bytearray(path.read_bytes())
    content[start : start + length] = b"\x55" * length
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.tif: tile 6 of page 2 cannot be read"):
        read_image(path)
    (image,) = open_image(path)
    assert image.data[0].compute().all()
    with pytest.raises(DataError, match=r"a\.tif: chunk (c/)?1\S1\S1 cannot be read"):
        image.data[1].compute()


def test_pieces_that_a_tiff_leaves_out_are_counted(tmp_path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, numbers(64, 64), tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tag = tiff.pages[0].tags["TileByteCounts"]
        counts = list(tag.value)
        counts[5] = 0
        tag.overwrite(counts)
    for read in READERS:
        (image,) = read(path)
        assert image.notes[0].startswith("1 of 16 chunks of the image are not stored")


@pytest.mark.parametrize("kind", ["zarr", "tiff"])
def test_unreadable_chunks_are_masked_and_counted_if_asked_for(tmp_path, kind) -> None:
    data, path = numbers(64, 64), tmp_path / f"a.{kind}"
    if kind == "zarr":
        array = ome_zarr(path, data)
        part = path / "0" / array.metadata.encode_chunk_key((1, 1))
        part.write_bytes(b"\x55" * 9)
    else:
        tifffile.imwrite(path, data, tile=(16, 16), compression="zlib")
        with tifffile.TiffFile(path) as tiff:
            start = tiff.pages[0].dataoffsets[5]
        content = bytearray(path.read_bytes())
        content[start : start + 9] = b"\x55" * 9
        path.write_bytes(content)
    lost = np.zeros((64, 64), bool)
    lost[16:32, 16:32] = True
    for read in READERS:
        (image,) = read(path, masked=True)
        assert image.notes == ("1 of 16 chunks of the image cannot be read",)
        plane = Stack.of(image).plane(())
        assert (plane.unknown() == lost).all()
        assert (plane.read()[~lost] == data[~lost]).all(), "and none is invented"
        assert plane.unknown((slice(0, 16), slice(0, 16))) is None
    whole = tmp_path / f"b.{kind}"
    if kind == "tiff":
        tifffile.imwrite(whole, data, tile=(16, 16), compression="zlib")
    else:
        ome_zarr(whole, data)
    for read in READERS:
        (image,) = read(whole, masked=True)
        assert not image.notes and (np.asarray(image.data) == data).all()
