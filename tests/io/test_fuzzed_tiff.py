"""TIFF files with damaged bytes are read, or refused in one line that names them."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import ImageData, open_image, read_image

CASES, MANY_CASES = 120, 4000
HEADER = 400
LABEL_KINDS = {
    "plain": {},
    "tiled": {"tile": (16, 16)},
    "deflated": {"compression": "zlib", "tile": (16, 16)},
    "colour": {"photometric": "rgb"},
    "imagej": {"imagej": True, "metadata": {"axes": "TYX"}},
    "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
    "bigtiff": {"bigtiff": True},
    "big-endian": {"byteorder": ">"},
}
LARGEST = 200e6
LONGEST = 20.0


def good_file(path: Path, kind: str) -> bytes:
    """The bytes of a whole TIFF of a kind."""
    shape = {"colour": (40, 50, 3), "imagej": (3, 40, 50), "ome": (3, 40, 50)}
    values = np.random.default_rng(0).integers(0, 250, shape.get(kind, (40, 50)))
    dtype = np.uint8 if kind == "colour" else np.uint16
    tifffile.imwrite(path, values.astype(dtype), **LABEL_KINDS[kind])
    return path.read_bytes()


def damaged(content: bytes, random: np.random.Generator) -> bytes:
    """The file cut short, with a piece gone, or with other bytes where headers lie."""
    harmed = bytearray(content)
    way = random.integers(4)
    if way == 0:
        return bytes(harmed[: random.integers(len(harmed))])
    if way == 1:
        start = random.integers(len(harmed) - 20)
        del harmed[start : start + random.integers(1, 20)]
        return bytes(harmed)
    # The tags of a page lie at the front of most files and at the end of others.
    zones = [range(HEADER), range(max(0, len(harmed) - HEADER), len(harmed))]
    zone = zones[random.integers(2)] if way == 2 else range(len(harmed))
    for _ in range(random.integers(1, 6)):
        at = zone[random.integers(min(len(zone), len(harmed)))]
        harmed[at] = random.choice([0, 1, 0x7F, 0x80, 0xFF, random.integers(256)])
    return bytes(harmed)


def look_at(reader: Callable[[Path], list[ImageData]], path: Path) -> str:
    """Read a file to its last pixel; what it was refused for, empty if it was not."""
    try:
        for image in reader(path):
            if (
                np.prod(image.data.shape, dtype=float) * image.data.dtype.itemsize
                < LARGEST
            ):
                np.asarray(image.data)
    except DataError as error:
        return str(error)
    return ""


def check(kind: str, seeds: range, tmp_path: Path) -> int:
    """Damage a file in many ways; how often it was refused."""
    path = tmp_path / "damaged.tif"
    content, refused = good_file(path, kind), 0
    for seed in seeds:
        path.write_bytes(damaged(content, np.random.default_rng(seed)))
        started = time.perf_counter()
        text = look_at(read_image, path)
        assert time.perf_counter() - started < LONGEST, seed
        if text:
            refused += 1
            assert "damaged.tif" in text and "\n" not in text, seed
    return refused


@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_damaged_files_are_read_or_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    refused = check(kind, range(CASES), tmp_path)
    assert CASES // 10 < refused < CASES


def test_a_file_that_names_a_size_it_does_not_hold_takes_no_memory(
    tmp_path: Path,
) -> None:
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, np.zeros((40, 50), np.uint16), tile=(16, 16))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for tag in ("ImageWidth", "ImageLength"):
            tiff.pages[0].tags[tag].overwrite(60_000)
    for reader in (read_image, open_image):
        tracemalloc.start()
        text = look_at(reader, path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert "header is damaged" in text and most < 50e6


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", LABEL_KINDS)
def test_many_damaged_files(kind: str, tmp_path: Path) -> None:
    refused = check(kind, range(CASES, CASES + MANY_CASES), tmp_path)
    print(f"{kind}: {refused} of {MANY_CASES} damaged files refused, the rest read")
