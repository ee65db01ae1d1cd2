"""Labels from maps that were kept are those of a fresh run, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.batch import BatchJob, segment_files, task
from napari_pmrnet.batch.kept_maps import KeptMaps, network_key
from napari_pmrnet.batch.run_log import file_key
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models import load_model
from napari_pmrnet.segmentation import Settings, segment_stack
from napari_pmrnet.segmentation.segment import NEEDS_THE_NETWORK

BASE = {"device": "cpu", "least_certainty": 0.0}
FIRST = Settings(**BASE)
SECOND = Settings(
    probability_threshold=0.35,
    seed_threshold=0.3,
    min_area=3,
    exclude_border=True,
    **BASE,
)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A plain image, and a stack with a blank plane."""
    place = tmp_path / "images"
    place.mkdir()
    first, _ = make_fluorescence((96, 112), n=6, seed=1)
    other, _ = make_fluorescence((96, 112), n=5, seed=2)
    Image.fromarray(first).save(place / "a.png")
    data = np.stack([first, np.zeros_like(first), other])
    tifffile.imwrite(place / "z.tif", data, imagej=True, metadata={"axes": "ZYX"})
    return place


@pytest.fixture
def network(monkeypatch) -> list[str]:
    """Planes that the network was asked for."""
    asked: list[str] = []
    steps = segment_stack.segment_steps

    def counted(plane, *args, **options):
        asked.append(plane.name)
        return steps(plane, *args, **options)

    monkeypatch.setattr(segment_stack, "segment_steps", counted)
    return asked


def labels_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*_labels.tif")}


@pytest.mark.parametrize("link", [None, "z"])
def test_other_thresholds_need_no_network(images, tmp_path, network, link) -> None:
    kept, fresh = tmp_path / "kept", tmp_path / "fresh"
    segment_files(images, kept, FIRST, keep_maps=True, link=link)
    before = labels_in(kept)
    assert len(network) == 3
    network.clear()
    report = segment_files(images, kept, SECOND, link=link)
    assert report.ended["done"] == 2 and not network
    segment_files(images, fresh, SECOND, link=link)
    assert len(network) == 3
    assert labels_in(kept) == labels_in(fresh), "byte for byte"
    assert labels_in(kept) != before
    assert (kept / "objects.csv").read_bytes() == (fresh / "objects.csv").read_bytes()


@pytest.mark.parametrize("change", ["diameter", "flips", "image", "damage"])
def test_maps_of_something_else_are_not_used(images, tmp_path, network, change) -> None:
    output, settings = tmp_path / "out", SECOND
    (images / "z.tif").unlink()
    segment_files(images, output, FIRST, keep_maps=True)
    (place,) = (output / ".napari-pmrnet" / "maps").iterdir()
    whole = place.read_bytes()
    if change == "image":
        status = (images / "a.png").stat()
        os.utime(images / "a.png", ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
    elif change == "damage":
        place.write_bytes(whole[: len(whole) // 2])
    else:
        settings = Settings(**BASE, **{change: 25.0 if change == "diameter" else True})
    network.clear()
    segment_files(images, output, settings, keep_maps=True)
    assert len(network) == 1 and place.read_bytes() != whole[: len(whole) // 2]
    network.clear()
    segment_files(images, output, settings, overwrite=True)
    assert not network, "those that were kept since are used"


def test_changed_bytes_are_noticed(images, tmp_path) -> None:
    output = tmp_path / "out"
    (images / "z.tif").unlink()
    segment_files(images, output, FIRST, keep_maps=True)
    (place,) = (output / ".napari-pmrnet" / "maps").iterdir()
    model = load_model("nuclei", "cpu")
    key = network_key(file_key(images / "a.png", FIRST, model.card.sha256))
    maps = KeptMaps(place.with_name(place.stem), key, FIRST, model, False)
    whole, known = place.read_bytes(), maps.take(())
    assert known is not None
    for at in np.random.default_rng(0).integers(len(whole) // 8, len(whole), 40):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])
        found = maps.take(())
        for name in known.maps if found is not None else ():
            np.testing.assert_array_equal(found.maps[name], known.maps[name])


def test_maps_are_kept_on_request_only(images, tmp_path, network) -> None:
    segment_files(images, tmp_path / "out", FIRST)
    assert not (tmp_path / "out" / ".napari-pmrnet" / "maps").exists()
    job = BatchJob(("a",), Path("b"), keep_maps=True)
    assert "--keep-maps" in job.as_arguments() and "keep_maps=True" in job.as_python()


def test_the_key_of_maps_holds_what_the_network_sees(images) -> None:
    key = file_key(images / "a.png", FIRST, "weights")
    other = file_key(images / "a.png", SECOND, "weights", link="z")
    assert network_key(key) == network_key(other)
    for name in NEEDS_THE_NETWORK[1:]:
        value = {"channel": 1, "limits": "1:2", "diameter": 9.0, "flips": True}[name]
        moved = file_key(images / "a.png", Settings(**BASE, **{name: value}), "weights")
        assert network_key(moved) != network_key(key)
    assert network_key(file_key(images / "a.png", FIRST, "w")) != network_key(key)


def test_a_file_that_is_not_known_keeps_nothing() -> None:
    empty = task.Task(0, Path("a"), Path("b"), task.Row("a"), FIRST, "w")
    assert task._keeper(empty, None) is None
    assert KeptMaps(Path("none"), {}, FIRST, None, False).take((0,)) is None
