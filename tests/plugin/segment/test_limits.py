"""Intensity limits and the channel of nuclei, as the dock offers them."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_pmrnet.plugin.segment.image_panel import channel_choices, limit_choices
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.settings import LIMITS, Settings


def test_contrast_limits_are_a_choice_that_follows_the_layer(
    open_dock, run_and_wait, blobs, core
):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs, name="cells", contrast_limits=(10, 200))
    field = dock.form.choice("limits")
    assert field.value() == Settings.limits
    image.contrast_limits = (20, 210.5)
    assert field.value() == Settings.limits
    field.combo.setCurrentIndex(len(LIMITS))
    assert field.combo.currentText() == "Contrast limits (20 to 210.5)"
    image.contrast_limits = (30, 220)
    run_and_wait(dock)
    assert core.calls[-1]["settings"].limits == "30:220"
    tag = viewer.layers["cells nuclei"].metadata["napari_pmrnet"]
    assert tag["settings"]["limits"] == "30:220"
    other = viewer.add_image(blobs, name="others", contrast_limits=(1, 2))
    dock.image_panel.image.set_value(other)
    assert field.value() == "1:2"
    dock.restore_defaults()
    image.contrast_limits = (3, 4)
    assert field.value() == Settings.limits


def test_colours_have_no_contrast_limits(open_dock):
    viewer, dock = open_dock()
    assert limit_choices(None) == list(LIMITS.items())
    image = viewer.add_image(np.zeros((20, 20, 3), np.uint8), rgb=True)
    assert limit_choices(image) == list(LIMITS.items())


def test_infinite_limits_are_not_offered(open_dock, blobs):
    viewer, dock = open_dock()
    image = viewer.add_image(blobs.astype(np.float32), contrast_limits=(0, 9))
    assert len(limit_choices(image)) == len(LIMITS) + 1
    endless = Image(blobs.astype(np.float32), contrast_limits=(0, np.inf))
    assert limit_choices(endless) == list(LIMITS.items())
    assert dock.form.settings() is not None


@pytest.mark.parametrize("names", [("DAPI", "GFP"), ("GFP", "H2B-mCherry", "actin")])
def test_the_layer_named_after_nuclei_is_chosen(open_dock, blobs, tmp_path, names):
    path = tmp_path / "GFP and more.ome.tif"
    data = np.stack([blobs] * len(names))
    about = {"axes": "CYX", "Channel": {"Name": list(names)}}
    tifffile.imwrite(path, data, metadata=about)
    viewer, dock = open_dock()
    dock.image_panel.open([str(path)])
    chosen = next(n for n in names if n in ("DAPI", "H2B-mCherry"))
    assert dock.image_panel.layer.name.endswith(chosen)
    assert "by its name" in dock.image_panel.about.text()
    viewer.layers.clear()
    viewer.open(str(path), plugin="napari-pmrnet")
    assert dock.image_panel.layer.name.endswith(chosen)


def test_without_telling_names_the_first_channel_is_chosen(open_dock, blobs, tmp_path):
    path = tmp_path / "DAPI.ome.tif"
    about = {"axes": "CYX", "Channel": {"Name": ["one", "two"]}}
    tifffile.imwrite(path, np.stack([blobs, blobs]), metadata=about)
    viewer, dock = open_dock()
    dock.image_panel.open([str(path)])
    assert dock.image_panel.layer.name.endswith("one")
    assert "by its name" not in dock.image_panel.about.text()


def test_a_layer_of_channels_names_them_and_takes_the_nuclei(open_dock, blobs):
    viewer, dock = open_dock()
    viewer.add_image(
        np.stack([blobs, blobs]),
        axis_labels=("c", "y", "x"),
        metadata={"channel_names": ("GFP", "Hoechst")},
    )
    plane = dock.image_panel.plane()
    assert plane.channel == 1
    assert [text for _, text in channel_choices(plane)] == [
        "Automatic (Hoechst)",
        "0: GFP",
        "1: Hoechst",
    ]
    stack = Plane([np.stack([blobs, blobs])], channel_axis=0)
    assert channel_choices(stack)[0] == (None, "Automatic (the first)")
