"""napari's question of readers: where it comes from us, the answer is remembered."""

from __future__ import annotations

import os
from pathlib import Path

import napari.settings
import napari_builtins
import numpy as np
import pytest
import tifffile
from napari.components import ViewerModel
from napari.layers import Image
from napari.layers._source import layer_source
from napari.plugins import _npe2
from napari.plugins.utils import get_preferred_reader
from napari.settings import NapariSettings, get_settings
from npe2 import PluginManifest

from napari_pmrnet.plugin.reader import open_layers
from napari_pmrnet.plugin.widgets.reader_choice import (
    ReaderNotice,
    choice_of,
    remember,
)

OURS, NAPARIS = "napari-pmrnet", "napari"


@pytest.fixture(autouse=True)
def plugins(manifest, npe2pm, tmp_path, monkeypatch) -> None:
    """This plugin and napari's own readers, and settings of this test's own."""
    builtins = Path(napari_builtins.__path__[0]) / "builtins.yaml"
    npe2pm.register(PluginManifest.from_file(builtins))
    settings = NapariSettings(tmp_path / "napari.yaml")
    monkeypatch.setattr(napari.settings, "_SETTINGS", settings)


def opened(path: Path, reader: str) -> Image:
    """A layer as napari makes it of a path."""
    with layer_source(path=str(path), reader_plugin=reader):
        return Image(np.zeros((4, 5)))


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """A file or folder of each kind."""
    found = {name: tmp_path / name for name in ("a.tif", "b.TIFF", "c.png", "d.jpg")}
    for path in found.values():
        path.write_bytes(b"")
    for name in ("e.zarr", "folder"):
        (tmp_path / name).mkdir()
        found[name] = tmp_path / name
    return found


def test_napari_asks_of_tiffs_and_folders_alone(places) -> None:
    asked = {
        name for name, path in places.items() if len(_npe2.get_readers(str(path))) > 1
    }
    assert asked == {"a.tif", "b.TIFF", "e.zarr", "folder"}
    for reader, refused in ((NAPARIS, set()), (OURS, {"folder"})):
        layers = {name: opened(path, reader) for name, path in places.items()}
        chosen = {name for name, layer in layers.items() if choice_of(layer)}
        assert chosen == asked - refused


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        *(("a.tif", OURS), ("a.tif", NAPARIS), ("e.zarr", OURS), ("e.zarr", NAPARIS)),
        ("folder", NAPARIS),
    ],
)
def test_an_answer_holds_for_good(places, name: str, reader: str) -> None:
    layer = opened(places[name], reader)
    choice = choice_of(layer)
    assert choice is not None and choice.reader == reader
    before = {"*.lsm": NAPARIS}
    get_settings().plugins.extension2reader = dict(before)
    remember(choice)
    assert get_preferred_reader(places[name]) == reader
    assert choice_of(layer) is None
    kept = get_settings().plugins.extension2reader
    assert before.items() <= kept.items()
    others = {"a.tif", "c.png", "e.zarr", "folder"} - {name}
    if name == "folder":
        others.remove("e.zarr")
    assert not any(get_preferred_reader(places[other]) for other in others)
    again = NapariSettings(get_settings().config_path)
    assert again.plugins.extension2reader == kept


@pytest.mark.parametrize("before", [None, NAPARIS])
def test_zarr_folders_are_no_folders_of_files(places, before: str | None) -> None:
    if before is not None:
        choice = choice_of(opened(places["e.zarr"], before))
        assert choice is not None
        remember(choice)
    choice = choice_of(opened(places["folder"], NAPARIS))
    assert choice is not None
    remember(choice)
    assert get_preferred_reader(places["e.zarr"]) == (before or OURS)
    assert get_preferred_reader(places["folder"]) == NAPARIS
    assert get_preferred_reader(places["folder"].parent) == NAPARIS


def test_what_napari_does_not_ask_is_not_offered(places, tmp_path) -> None:
    assert choice_of(Image(np.zeros((4, 5)))) is None, "made in a script"
    assert choice_of(opened(tmp_path / "gone.tif", OURS)) is None
    assert choice_of(opened(places["a.tif"], "another")) is None
    get_settings().plugins.extension2reader = {"*.tif": "another"}
    assert choice_of(opened(places["a.tif"], OURS)) is None


def test_the_offer_is_made_once_and_taken_or_not(places, qtbot) -> None:
    notice = ReaderNotice()
    qtbot.addWidget(notice)
    tiff, folder = opened(places["a.tif"], OURS), opened(places["folder"], NAPARIS)
    notice.look_at([Image(np.zeros((4, 5))), tiff])
    assert not notice.isHidden()
    asked = "napari asks which plugin opens .tif files."
    assert notice.text.text() == f"{asked} Always open them with PMRNet nuclei?"
    notice.ask.click()
    assert notice.isHidden() and not get_settings().plugins.extension2reader
    notice.look_at([tiff])
    assert notice.isHidden()
    notice.look_at([folder])
    assert notice.text.text().endswith("and Zarr folders with PMRNet nuclei?")
    notice.always.click()
    assert notice.isHidden()
    chosen = {f"*.zarr{os.sep}": OURS, f"*{os.sep}": NAPARIS}
    assert get_settings().plugins.extension2reader == chosen


def test_our_button_asks_nothing_and_keeps_the_path(open_dock, tmp_path, qtbot) -> None:
    viewer, dock = open_dock()
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, np.zeros((30, 40), np.uint8))
    dock.image_panel.open([str(path)])
    assert dock.reader_notice.isHidden()
    assert dock.image_panel.layer.source.path == str(path)
    assert dock.image_panel.folder() == tmp_path
    viewer.open(str(path), plugin=OURS)
    assert not dock.reader_notice.isHidden()


def test_a_picture_that_napari_reads_is_opened_by_ours_where_we_choose(
    tmp_path,
) -> None:
    from PIL import Image as Picture

    Picture.new("L", (8, 9)).save(tmp_path / "a.PNG")
    (layer,) = open_layers(ViewerModel(), tmp_path / "a.PNG")
    assert (layer.name, layer.source.reader_plugin) == ("a", OURS)


def test_a_folder_that_is_opened_knows_where_it_comes_from(tmp_path) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=np.zeros((8, 9), np.uint8))
    described = {"version": "0.3", "axes": ["y", "x"], "datasets": [{"path": "0"}]}
    group.attrs["multiscales"] = [described]
    viewer = ViewerModel()
    (layer,) = open_layers(viewer, tmp_path / "a.zarr")
    assert layer in viewer.layers and layer.source.path == str(tmp_path / "a.zarr")
