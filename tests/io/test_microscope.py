"""Microscopes' formats: CZI files by their own reader, others by a stand-in for it."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import dask.array as da
import numpy as np
import pytest

from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.batch.task import Task, _image
from napari_pmrnet.errors import DataError, SoftwareError, TooLargeError
from napari_pmrnet.finetuning.sources import corrections_of_files
from napari_pmrnet.io.formats import MICROSCOPE
from napari_pmrnet.io.images import open_image, read_image, scene_names
from napari_pmrnet.plugin.reader import get_reader, read_layers
from napari_pmrnet.settings import Settings

ENDINGS = [ending for one in MICROSCOPE for ending in one.value]


class StandIn:
    """BioIO as far as it is used: scenes whose pixels count how often they are read."""

    def __init__(self, scenes: dict[str, np.ndarray], **about: Any) -> None:
        self._arrays = scenes
        self.about = {
            "order": "TCZYX",
            "sizes": (None, None, None),
            "names": None,
            "interval": None,
            **about,
        }
        self.reads: list[str] = []

    def __call__(self, path: Path, reader: type) -> StandIn:
        assert reader is Reader
        return self

    scenes = property(lambda self: tuple(self._arrays))
    dims = property(lambda self: SimpleNamespace(order=self.about["order"]))
    physical_pixel_sizes = property(lambda self: self.about["sizes"])
    channel_names = property(lambda self: self.about["names"])
    time_interval = property(lambda self: self.about["interval"])

    def set_scene(self, scene: int) -> None:
        self._scene = self.scenes[scene]

    @property
    def data(self) -> np.ndarray:
        self.reads.append(self._scene)
        return self._arrays[self._scene]

    @property
    def dask_data(self) -> da.Array:
        name, array = self._scene, self._arrays[self._scene]

        def read(block: np.ndarray) -> np.ndarray:
            self.reads.append(name)
            return block

        whole = da.from_array(array, chunks=(1, 1, *array.shape[2:]))
        return whole.map_blocks(read, dtype=array.dtype, meta=array[:0])


class Reader:
    """A reader of BioIO's."""


@pytest.fixture
def stand_in(monkeypatch):
    """Put a stand-in in place of BioIO and of all its readers."""

    def place(scenes: dict[str, np.ndarray], **about: Any) -> StandIn:
        made = StandIn(scenes, **about)
        modules = ("czi", "nd2", "lif", "dv", "bioformats")
        for name in ("bioio", *(f"bioio_{one}" for one in modules)):
            module: Any = ModuleType(name)
            module.BioImage, module.Reader = made, Reader
            monkeypatch.setitem(sys.modules, name, module)
        return made

    return place


@pytest.fixture
def absent(monkeypatch) -> None:
    """Neither BioIO nor a reader is installed."""
    for name in ("bioio", "bioio_czi", "bioio_lif"):
        monkeypatch.setitem(sys.modules, name, None)


def cells(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)


@pytest.mark.parametrize("ending", [*ENDINGS, ".CZI"])
def test_axes_pixel_size_channels_and_time_are_kept(
    stand_in, tmp_path, ending: str
) -> None:
    pixels = cells(3, 2, 4, 9, 8)
    stand_in(
        {"Image:0": pixels},
        sizes=(1.5, 0.2, 0.25),
        names=["DAPI", "actin"],
        interval=timedelta(minutes=2),
    )
    path = tmp_path / f"a{ending}"
    path.write_bytes(b"")
    (image,) = read_image(path)
    assert image.name == "a" and image.channel_axis == 1 and not image.rgb
    assert image.space.axes == ("t", "z", "y", "x")
    assert image.space.scale == (120, 1.5, 0.2, 0.25)
    assert image.space.units == ("s", "um", "um", "um")
    assert image.metadata == {"channel_names": ("DAPI", "actin")}
    assert isinstance(image.data, np.ndarray)
    np.testing.assert_array_equal(image.data, pixels)


@pytest.mark.parametrize(
    "sizes", [(None, None, 0.5), (None, 0.0, 0.5), (1.0, None, None)]
)
def test_what_a_file_does_not_say_is_counted_in_pixels(
    stand_in, tmp_path, sizes: tuple
) -> None:
    stand_in(
        {"a": cells(1, 2, 1, 9, 8)}, sizes=sizes, names=["Channel:0:0", "Channel:0:1"]
    )
    (tmp_path / "a.nd2").write_bytes(b"")
    (image,) = read_image(tmp_path / "a.nd2")
    assert image.data.shape == (2, 9, 8) and image.channel_axis == 0
    assert image.space.axes == ("y", "x") and image.space.unit == "pixel"
    assert image.space.pixel_size == (1, 1) and image.metadata == {}


def test_colours_are_samples_of_a_pixel(stand_in, tmp_path) -> None:
    pixels = cells(1, 1, 1, 9, 8, 3)
    bioio = stand_in({"a": pixels}, order="TCZYXS", names=["Bright"])
    (tmp_path / "a.lif").write_bytes(b"")
    (image,) = open_image(tmp_path / "a.lif")
    assert image.rgb and image.space.axes == ("y", "x") and not bioio.reads
    np.testing.assert_array_equal(image.data.compute(), pixels[0, 0, 0])


def test_scenes_are_opened_by_name_and_read_when_asked_for(stand_in, tmp_path) -> None:
    scenes = {"Position 1": cells(1, 1, 1, 9, 8), "Position 2": cells(1, 1, 2, 9, 8)}
    bioio = stand_in(scenes, sizes=(2.0, 0.5, 0.5))
    path = tmp_path / "plate.lif"
    path.write_bytes(b"")
    first, second = open_image(path)
    assert (first.name, second.name) == ("plate 1: Position 1", "plate 2: Position 2")
    assert second.space.axes == ("z", "y", "x") and not bioio.reads
    np.testing.assert_array_equal(
        second.data[1].compute(), scenes["Position 2"][0, 0, 1]
    )
    assert bioio.reads == ["Position 2"]
    layers = read_layers(str(path))
    assert [meta["name"] for _, meta, _ in layers] == [first.name, second.name]
    assert [meta["scale"] for _, meta, _ in layers] == [(0.5, 0.5), (2, 0.5, 0.5)]


def test_a_batch_has_every_scene_and_reads_one_at_a_time(stand_in, tmp_path) -> None:
    scenes = {str(number): cells(1, 1, 1, 9, 8) for number in range(40)}
    bioio = stand_in(scenes)
    path = tmp_path / "in" / "plate.lif"
    path.parent.mkdir()
    path.write_bytes(b"")
    found = find_sources([path.parent], tmp_path)
    assert [(one.path, one.image.number) for one in found] == [
        (path, n) for n in range(40)
    ]
    assert [one.image.scene for one in found] == list(scenes) == scene_names(path)
    row = Row.of(found[7].image, str)
    task = Task(7, path, tmp_path / "a_labels.tif", row, Settings(), "0" * 64)
    image, notes = _image(task)
    assert isinstance(image.data, np.ndarray) and bioio.reads == ["7"] and not notes


def test_fine_tuning_looks_at_one_scene_after_the_other(stand_in, tmp_path) -> None:
    scenes = {str(number): cells(1, 1, 1, 9, 8) for number in range(40)}
    bioio = stand_in(scenes)
    (tmp_path / "a.nd2").write_bytes(b"")
    with pytest.raises(DataError, match="there is no review of any of its images"):
        corrections_of_files([tmp_path / "a.nd2"])
    assert bioio.reads == list(scenes)


def test_what_memory_cannot_hold_is_refused_before_it_is_read(
    stand_in, tmp_path, monkeypatch
) -> None:
    bioio = stand_in({"a": cells(1, 1, 1, 90, 80)})
    (tmp_path / "a.czi").write_bytes(b"")
    available = SimpleNamespace(available=1_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: available)
    with pytest.raises(TooLargeError):
        read_image(tmp_path / "a.czi")
    assert not bioio.reads


def test_without_the_extra_one_command_is_named(absent, tmp_path) -> None:
    for name in ("a.czi", "b.lif"):
        (tmp_path / name).write_bytes(b"")
        assert get_reader(str(tmp_path / name)) is not None, "and napari hears it too"
        with pytest.raises(SoftwareError) as told:
            read_image(tmp_path / name)
        text = str(told.value)
        assert text.startswith(f"{tmp_path / name} needs the package bioio")
        assert text.endswith('pip install "napari-pmrnet[formats]"')


@pytest.mark.parametrize("raised", ["ImportError", "RuntimeError", "SyntaxError"])
def test_a_bioio_that_does_not_load_is_named_with_one_command(
    raised, tmp_path, monkeypatch
) -> None:
    source = "x = (" if raised == "SyntaxError" else f"raise {raised}('broken')"
    (tmp_path / "bioio.py").write_text(source)
    about = tmp_path / "bioio-3.6.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bioio\nVersion: 3.6.0"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "bioio", raising=False)
    (tmp_path / "a.czi").write_bytes(b"")
    with pytest.raises(SoftwareError, match="bioio") as told:
        read_image(tmp_path / "a.czi")
    assert str(told.value).count("pip install") == 1


def test_a_reader_that_fails_is_said_in_a_sentence(
    stand_in, tmp_path, monkeypatch
) -> None:
    bioio = stand_in({"a": cells(1, 1, 1, 9, 8)})
    path = tmp_path / "a.nd2"
    with pytest.raises(DataError, match="no such file"):
        read_image(path)
    path.write_bytes(b"no pixels")

    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("bad magic number")

    monkeypatch.setattr(sys.modules["bioio"], "BioImage", fail)
    with pytest.raises(DataError, match=r"a\.nd2: damaged.*bad magic.*OME-TIFF"):
        read_image(path)
    monkeypatch.setattr(sys.modules["bioio"], "BioImage", bioio)
    bioio._arrays = {}
    with pytest.raises(DataError, match="holds no image"):
        read_image(path)


def test_other_files_import_no_reader(tmp_path) -> None:
    code = (
        "import sys, numpy, tifffile; from napari_pmrnet.io.images import read_image\n"
        "tifffile.imwrite(sys.argv[1], numpy.zeros((9, 8), 'u1'))\n"
        "read_image(sys.argv[1])\n"
        "assert not {'bioio', 'bioio_base', 'xarray'} & set(sys.modules)"
    )
    name = str(tmp_path / "a.tif")
    subprocess.run([sys.executable, "-c", code, name], check=True)


@pytest.fixture
def write_czi(tmp_path):
    """Write CZI files; without the libraries the test is skipped, which says so."""
    pytest.importorskip("bioio_czi", reason="the extra 'formats' is not installed")
    czi = pytest.importorskip("pylibCZIrw.czi", reason="pylibCZIrw writes CZI files")

    def write(name: str, planes: dict[tuple[int, int, int], np.ndarray]) -> Path:
        path = tmp_path / name
        with czi.create_czi(str(path)) as file:
            for (t, z, c), pixels in planes.items():
                shown = pixels[..., None] if pixels.ndim == 2 else pixels
                file.write(data=shown, plane={"T": t, "Z": z, "C": c})
            file.write_metadata(
                document_name=name,
                channel_names={0: "DAPI", 1: "actin"},
                scale_x=0.25e-6,
                scale_y=0.2e-6,
                scale_z=1.5e-6,
            )
        return path

    return write


def test_a_czi_file_has_its_planes_channels_and_pixel_size(write_czi) -> None:
    pixels = cells(2, 3, 2, 40, 50)
    every = np.ndindex(pixels.shape[:3])
    path = write_czi("a.czi", {place: pixels[place] for place in every})
    (image,) = read_image(path)
    assert image.space.axes == ("t", "z", "y", "x") and image.channel_axis == 1
    assert image.space.scale[1:] == pytest.approx((1.5, 0.2, 0.25))
    assert image.space.units[1:] == ("um",) * 3
    assert image.metadata == {"channel_names": ("DAPI", "actin")}
    np.testing.assert_array_equal(image.data, pixels.transpose(0, 2, 1, 3, 4))


def test_colours_of_a_czi_file_are_red_green_and_blue(write_czi) -> None:
    pixels = np.zeros((40, 50, 3), np.uint8)
    pixels[..., 2], pixels[5:9, 6:20, 0], pixels[..., 1] = 200, 90, 7
    path = write_czi("a.czi", {(0, 0, 0): pixels})  # blue comes first
    (image,) = read_image(path)
    assert image.rgb and image.space.axes == ("y", "x")
    np.testing.assert_array_equal(image.data, pixels[..., ::-1])
    (lazy,) = open_image(path)
    np.testing.assert_array_equal(lazy.data[5:9].compute(), pixels[5:9, :, ::-1])


def test_a_cut_czi_file_is_refused_in_a_sentence(write_czi) -> None:
    path = write_czi("a.czi", {(0, 0, 0): cells(40, 50)})
    whole = path.read_bytes()
    for size in (0, 100, len(whole) // 3):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"a\.czi"):
            read_image(path)


def test_a_batch_segments_a_czi_file(write_czi, model, tmp_path) -> None:
    from napari_pmrnet.batch.task import file_steps

    path = write_czi("a.czi", {(0, 0, c): cells(64, 64) for c in range(2)})
    target = tmp_path / "out" / "a_labels.tif"
    task = Task(0, path, target, Row("a.czi", "a_labels.tif"), Settings(), "0" * 64)
    steps = file_steps(task, model)
    try:
        while True:
            next(steps)
    except StopIteration as ended:
        outcome = ended.value
    assert not outcome.row.error and outcome.row.pixel_width == pytest.approx(0.25)
    (labels,) = read_image(target)
    assert labels.is_labels and labels.space.scale == pytest.approx((0.2, 0.25))
