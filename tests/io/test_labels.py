"""Label TIFFs: what Fiji needs of them, and what must never happen to them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError
from napari_pmrnet.io import read_image, smallest_unsigned_dtype, write_labels
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.settings import Settings


def labels_up_to(highest: int, *shape: int, dtype: str = "int32") -> np.ndarray:
    labels = np.random.default_rng(0).integers(0, highest + 1, shape)
    labels.flat[-1] = highest
    return labels.astype(dtype)


@pytest.mark.parametrize(
    ("highest", "dtype"),
    [
        (0, "uint8"),
        (255, "uint8"),
        (256, "uint16"),
        (65535, "uint16"),
        (65536, "uint32"),
        (2**32 - 1, "uint32"),
    ],
)
def test_smallest_type_that_holds_the_labels(tmp_path, highest, dtype):
    labels = labels_up_to(highest, 6, 5, dtype="int64")
    assert smallest_unsigned_dtype(labels) == dtype
    path = write_labels(tmp_path / "a.tif", labels)
    stored = tifffile.imread(path)
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored, labels)


def test_imagej_finds_size_unit_planes_and_interval(tmp_path):
    labels = labels_up_to(300, 2, 3, 6, 5)
    path = write_labels(
        tmp_path / "a.tif",
        labels,
        Space(
            ("t", "z", "y", "x"),
            (2, 500, 0.25, 0.125),
            ("minute", "nanometer", "micrometer", "micrometer"),
        ),
    )
    with tifffile.TiffFile(path) as tiff:
        assert tiff.series[0].kind == "imagej"
        assert tiff.series[0].axes == "TZYX"
        found = tiff.imagej_metadata
        resolution = tiff.pages.first.tags["XResolution"].value
    assert (found["frames"], found["slices"]) == (2, 3)
    assert (found["unit"], found["spacing"]) == ("um", 0.5)
    assert found["finterval"] == 120
    assert (found["min"], found["max"]) == (0, 300)
    assert resolution[0] / resolution[1] == 8


@pytest.mark.parametrize("highest", [300, 70_000])
def test_planes_lie_in_one_run_as_imagej_reads_them(tmp_path, highest):
    path = write_labels(tmp_path / "a.tif", labels_up_to(highest, 4, 6, 5))
    with tifffile.TiffFile(path) as tiff:
        starts = [page.dataoffsets for page in tiff.pages]
        size = tiff.pages.first.nbytes
    assert all(len(start) == 1 for start in starts)
    assert np.diff([start[0] for start in starts]).tolist() == [size] * 3


def test_description_keeps_settings_and_hash(tmp_path):
    settings = Settings(min_area=33)
    path = write_labels(
        tmp_path / "a.tif",
        labels_up_to(3, 6, 5),
        provenance=Provenance(settings.as_dict(), "f00d"),
    )
    with tifffile.TiffFile(path) as tiff:
        text = tiff.imagej_metadata["napari_pmrnet"]
        info = tiff.imagej_metadata["Info"]
    assert Settings.from_dict(json.loads(text)["settings"]) == settings
    assert json.loads(text)["weights_hash"] == "f00d"
    assert "f00d" in info


def test_settings_beyond_ascii_survive(tmp_path):
    settings = {"model": "Kern/größe=1\n.safetensors"}
    made = Provenance(settings)
    path = write_labels(tmp_path / "a.tif", labels_up_to(3, 6, 5), provenance=made)
    (image,) = read_image(path)
    assert image.metadata["napari_pmrnet"]["settings"] == settings


steps = st.floats(1e-4, 1e4)
dtypes = st.sampled_from(["bool", "uint8", "int16", "uint16", "int32", ">i4", "int64"])
spaces = st.sampled_from(
    [
        (("y", "x"), ("um", "um")),
        (("z", "y", "x"), ("um", "um", "um")),
        (("t", "y", "x"), ("s", "pixel", "pixel")),
        (("t", "z", "y", "x"), ("pixel", "pixel", "nm", "nm")),
    ]
)


@hypothesis_settings(max_examples=40, deadline=None)
@given(space=spaces, dtype=dtypes, data=st.data())
def test_what_was_written_comes_back(tmp_path_factory, space, dtype, data):
    axes, units = space
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * len(axes)))
    scale = data.draw(st.tuples(*[steps] * len(axes)))
    places = st.floats(-1e6, 1e6, allow_nan=False)
    place = data.draw(st.tuples(*[places] * len(axes)))
    highest = min(np.iinfo(dtype).max if dtype != "bool" else 1, 2**32 - 1)
    labels = labels_up_to(highest, *shape, dtype=dtype)
    path = tmp_path_factory.mktemp("round") / "a.tif"
    written = Space.of(axes, scale, units, place)
    (image,) = read_image(write_labels(path, labels, written))
    assert image.is_labels
    assert image.space == written
    np.testing.assert_array_equal(image.data, labels)


@given(scale=steps)
@hypothesis_settings(max_examples=25, deadline=None)
def test_pixel_size_is_exact_enough_for_fiji(tmp_path_factory, scale):
    path = tmp_path_factory.mktemp("size") / "a.tif"
    space = Space.of_plane((scale, scale), "um")
    write_labels(path, labels_up_to(3, 2, 2), space)
    with tifffile.TiffFile(path) as tiff:
        above, below = tiff.pages.first.tags["YResolution"].value
    assert below / above == pytest.approx(scale, rel=1e-6)


@pytest.mark.parametrize(
    ("axes", "stored"),
    [
        (None, "zyx"),
        (("time", "y", "x"), "tyx"),
        (("axis -3", "axis -2", "axis -1"), "zyx"),
        (("t", "axis -2", "axis -1"), "tyx"),
        (("q", "y", "x"), "zyx"),
    ],
)
def test_names_of_axes(tmp_path, axes, stored):
    path = write_labels(tmp_path / "a.tif", labels_up_to(9, 2, 6, 5), Space.of(axes))
    assert "".join(read_image(path)[0].space.axes) == stored


def test_axes_are_stored_in_imagejs_order(tmp_path):
    labels = labels_up_to(9, 2, 3, 6, 5)
    space = Space(("z", "t", "y", "x"), (4, 3, 2, 1), (), (8, 9, 10, 11))
    path = write_labels(tmp_path / "a.tif", labels, space)
    (image,) = read_image(path)
    assert image.space.axes == ("t", "z", "y", "x")
    assert image.space.scale == (3, 4, 2, 1)
    assert image.space.translate == (9, 8, 10, 11)
    np.testing.assert_array_equal(image.data, labels.transpose(1, 0, 2, 3))


def test_label_tiff_changed_by_another_program_is_an_image(tmp_path):
    path = write_labels(tmp_path / "a.tif", labels_up_to(9, 6, 5))
    tifffile.imwrite(path, tifffile.imread(path), imagej=True)
    assert not read_image(path)[0].is_labels


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((6, 5), -1), "label -1 is negative"),
        (np.zeros((6, 5)), "float64.*integer"),
        (np.full((6, 5), 2**32), "4294967296.*Renumber"),
        (np.zeros(5, int), "1 axes"),
        (np.zeros((1, 1, 1, 6, 5), int), "5 axes.*one part"),
        (np.zeros((0, 5), int), "empty"),
    ],
)
def test_labels_that_cannot_be_written(tmp_path, labels, words):
    with pytest.raises(DataError, match=f"a.tif: not written, .*{words}"):
        write_labels(tmp_path / "a.tif", labels)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        {"axes": ("y",)},
        {"axes": ("t", "z")},
        {"scale": (1,)},
        {"scale": (0, 1)},
        {"scale": (float("nan"), 1)},
        {"units": ("um",)},
    ],
)
def test_space_that_does_not_fit(tmp_path, options):
    with pytest.raises(DataError, match=r"a.tif: not written"):
        write_labels(tmp_path / "a.tif", labels_up_to(3, 6, 5), Space(**options))
    assert list(tmp_path.iterdir()) == []


def test_name_without_ending_gets_one(tmp_path):
    assert write_labels(tmp_path / "a", labels_up_to(3, 6, 5)) == tmp_path / "a.tif"


@pytest.mark.parametrize("name", ["a.png", "absent/a.tif"])
def test_place_that_cannot_be_written(tmp_path, name):
    with pytest.raises(DataError, match=name):
        write_labels(tmp_path / name, labels_up_to(3, 6, 5))


@pytest.mark.parametrize("stage", ["write", "rename"])
def test_crash_leaves_the_old_file_whole_and_no_other(tmp_path, monkeypatch, stage):
    path = write_labels(tmp_path / "a.tif", labels_up_to(3, 6, 5))
    before = path.read_bytes()

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    if stage == "write":
        monkeypatch.setattr(tifffile.TiffWriter, "write", fail)
    else:
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(DataError, match=r"a.tif: .*No space left"):
        write_labels(path, labels_up_to(9, 6, 5), overwrite=True)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_file_is_renamed_only_when_complete(tmp_path, monkeypatch):
    renamed = []
    link = os.link

    def record(source, target):
        renamed.append((read_image_bytes(source), os.path.dirname(source)))
        link(source, target)

    monkeypatch.setattr(os, "link", record)
    labels = labels_up_to(9, 6, 5)
    write_labels(tmp_path / "a.tif", labels)
    ((found, folder),) = renamed
    np.testing.assert_array_equal(found, labels)
    assert folder == str(tmp_path)


def read_image_bytes(path) -> np.ndarray:
    with open(path, "rb") as stream:
        return tifffile.imread(stream)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_link_is_followed(tmp_path):
    real = write_labels(tmp_path / "real.tif", labels_up_to(3, 6, 5))
    (tmp_path / "link.tif").symlink_to(real)
    write_labels(tmp_path / "link.tif", labels_up_to(9, 6, 5), overwrite=True)
    assert (tmp_path / "link.tif").is_symlink()
    assert tifffile.imread(real).max() == 9


def test_labels_are_written_whole_or_not_at_all(disk: Path) -> None:
    path = disk / "a_labels.tif"
    write_labels(path, np.ones((100, 100), np.uint8))
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"a_labels.tif.*No space left.*Make room"):
        write_labels(path, np.ones((900, 900), np.uint8), overwrite=True)
    assert path.read_bytes() == before and len(list(disk.iterdir())) == 1


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_labels_that_fiji_saved_anew_are_labels_still(tmp_path, kind) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[4:9, 5:13] = 7
    made = Provenance({"model": "nuclei"}, "f00d", "a.tif", "beef")
    path = write_labels(tmp_path / "a", labels, Space.of_plane((0.5, 0.5), "um"), made)
    with tifffile.TiffFile(path) as tiff:
        kept = {key: tiff.imagej_metadata[key] for key in ("Info", "unit")}
    again, size = labels.astype(kind), (2, 2)
    tifffile.imwrite(path, again, imagej=True, resolution=size, metadata=kept)
    (found,) = read_image(path)
    assert found.is_labels and found.data.dtype.kind in "iu"
    assert (found.data == labels).all() and found.space.pixel_size == (0.5, 0.5)
    assert found.metadata["napari_pmrnet"]["fingerprint"] == "beef"
    tifffile.imwrite(path, again + np.float32(0.5), imagej=True, metadata=kept)
    assert not read_image(path)[0].is_labels, "made of labels, but none"
