"""What is segmented: the visible field, or all planes of a stack; and what is said."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_pmrnet import models
from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.layers.axes import camera_of, shown_plane
from napari_pmrnet.plugin.layers.shapes import region_of
from napari_pmrnet.plugin.measure.snapshot import Specimen
from napari_pmrnet.plugin.segment import jobs
from napari_pmrnet.plugin.segment.area_panel import (
    Area,
    describe_plane,
    describe_seen,
    describe_stack,
    kept_axes,
    seen_polygon,
    stack_of,
)
from napari_pmrnet.segmentation import sizes
from napari_pmrnet.segmentation import stack as stack_module


@pytest.fixture
def stack(blobs) -> np.ndarray:
    """Two time points of three planes; of the second the last is blank."""
    blank = np.zeros_like(blobs)
    return np.stack(
        [np.stack([blobs, blobs, blobs]), np.stack([blobs, blobs[::-1], blank])]
    )


@pytest.fixture
def open_stack(open_dock, stack):
    """A dock with all planes of a stack chosen."""

    def open_(data=stack, **options):
        viewer, dock = open_dock()
        options.setdefault("axis_labels", ("t", "z", "y", "x"))
        layer = viewer.add_image(data, name="stack", **options)
        dock.image_panel.areas.area.set_value(Area.PLANES)
        return viewer, dock, layer

    return open_


HAS_CANVAS = hasattr(ViewerModel(), "canvas")
needs_canvas = pytest.mark.skipif(
    not HAS_CANVAS, reason="napari before 0.9 hides the size of its canvas"
)


def model_of(shape, **options):
    """A viewer without a window, of 200 x 100 canvas pixels, and its image."""
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(shape, np.uint8), **options)
    if HAS_CANVAS:
        viewer.canvas.size = (200, 100)
    return viewer, layer


def look_at(viewer, centre, zoom):
    camera = camera_of(viewer)
    camera.center, camera.zoom = (0, *centre), zoom


@needs_canvas
def test_the_visible_field_in_pixels_of_the_image():
    viewer, layer = model_of((400, 600), scale=(0.5, 0.25), translate=(10, 20))
    look_at(viewer, (60, 70), 4)
    polygon = seen_polygon(viewer, layer)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    np.testing.assert_allclose(low, ((60 - 25 - 10) / 0.5, (70 - 12.5 - 20) / 0.25))
    np.testing.assert_allclose(high, ((60 + 25 - 10) / 0.5, (70 + 12.5 - 20) / 0.25))
    region = region_of([polygon], (400, 600))
    assert region.box == (slice(50, 151), slice(150, 251)) and region.inside.all()
    said = describe_seen(polygon, shown_plane(layer))
    assert said == "Segments 101 x 101 pixels of 600 x 400."


@needs_canvas
def test_a_turned_image_is_seen_as_a_turned_box():
    viewer, layer = model_of((400, 400), rotate=45)
    look_at(viewer, layer.data_to_world((200, 200)), 2)
    region = region_of([seen_polygon(viewer, layer)], (400, 400))
    assert region.inside.sum() == pytest.approx(100 * 50, rel=0.03)
    assert region.inside.size > 2 * region.inside.sum()


@needs_canvas
def test_a_field_beyond_the_image_is_cut_off_and_may_be_empty():
    viewer, layer = model_of((40, 60))
    look_at(viewer, (20, 30), 1)
    polygon = seen_polygon(viewer, layer)
    assert region_of([polygon], (40, 60)).inside.all()
    assert "60 x 40 pixels of 60 x 40" in describe_seen(polygon, shown_plane(layer))
    look_at(viewer, (900, 30), 1)
    polygon = seen_polygon(viewer, layer)
    assert region_of([polygon], (40, 60)).inside.size == 0
    assert "Nothing" in describe_seen(polygon, shown_plane(layer))


def test_what_is_no_flat_view_of_y_and_x_is_refused():
    viewer, layer = model_of((5, 40, 60))
    viewer.dims.order = (1, 0, 2)
    with pytest.raises(ImageError, match="other axes"):
        seen_polygon(viewer, layer)
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3
    with pytest.raises(ImageError, match="three dimensions"):
        seen_polygon(viewer, layer)


def test_planes_along_axes_of_one_name_are_all_counted(stack):
    layer = Image(stack, axis_labels=("q", "q", "y", "x"))
    assert stack_of(layer).stacked == {"q": 2, "q2": 3}
    many = Image(np.zeros((2, 2, 2, 4, 5)), axis_labels=("q", "q", "q", "y", "x"))
    with pytest.raises(ImageError, match="at most 2"):
        stack_of(many)


def test_stack_of_a_layer_with_channels_and_colours():
    _, layer = model_of((2, 5, 3, 40, 60), axis_labels=("c", "t", "z", "y", "x"))
    stack = stack_of(layer)
    assert (stack.axes, stack.channel_axis) == (("t", "z", "y", "x"), 0)
    assert stack.shape == (5, 3, 40, 60) and kept_axes(layer) == (1, 2, 3, 4)
    said = describe_stack(stack)
    assert said == "Segments 5 x 3 planes (t, z) of 60 x 40 pixels."
    _, layer = model_of((5, 40, 60, 3), rgb=True)
    assert stack_of(layer).shape == (5, 40, 60)
    assert stack_of(layer, ("z", "y", "x")).axes == ("z", "y", "x")
    _, layer = model_of((5, 2, 40, 60), axis_labels=("t", "c", "y", "x"))
    with pytest.raises(ImageError, match="Split them into layers"):
        stack_of(layer)
    _, layer = model_of((2, 2, 2, 9, 9), axis_labels=tuple("tzwyx"))
    with pytest.raises(ImageError, match="at most 2"):
        stack_of(layer)


@needs_canvas
def test_only_what_is_seen_is_segmented_and_said(
    open_dock, run_and_wait, blobs, core, qtbot
):
    viewer, dock = open_dock()
    viewer.add_image(np.tile(blobs, (8, 8)), name="cells")
    areas = dock.image_panel.areas
    assert areas.about.isHidden()
    areas.area.set_value(Area.SEEN)
    height, width = viewer.canvas.size
    look_at(viewer, (300, 400), max(height, width) / 50)
    expected = f"{50 * width / max(height, width):.0f}"
    qtbot.waitUntil(lambda: "of 800 x 640" in areas.about.text())
    qtbot.waitUntil(lambda: f"Segments {expected[:1]}" in areas.about.text())
    run_and_wait(dock)
    region = core.calls[0]["region"]
    rows, columns = region.box
    assert max(rows.stop - rows.start, columns.stop - columns.start) in (50, 51)
    assert abs((rows.start + rows.stop - 1) / 2 - 300) < 1
    assert abs((columns.start + columns.stop - 1) / 2 - 400) < 1
    assert viewer.layers["cells nuclei"].data.shape == (640, 800)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not areas.area.reason.isHidden())
    dock.run_panel.run_button.click()
    assert "Switch to two" in dock.status.text.text() and len(core.calls) == 1


def test_all_planes_are_offered_for_stacks_only(open_stack, blobs):
    viewer, dock, layer = open_stack()
    areas = dock.image_panel.areas
    combo = areas.area.combo
    offered = [combo.itemText(i) for i in range(combo.count())]
    assert offered == ["Whole image", "Only what I see", "All planes"]
    assert areas.about.text() == "Segments 2 x 3 planes (t, z) of 100 x 80 pixels."
    assert not areas.link.isHidden()
    flat = viewer.add_image(blobs, name="flat")
    assert dock.image_panel.layer == flat
    assert areas.area.value() is None and combo.count() == 2
    assert areas.about.isHidden() and areas.link.isHidden()


def test_all_planes_give_one_labels_layer_with_all_axes(
    open_stack, run_and_wait, stack, core
):
    viewer, dock, image = open_stack(
        scale=(30, 2, 0.5, 0.25), translate=(0, 5, 1, 2), units=("s", "um", "um", "um")
    )
    run_and_wait(dock)
    assert len(core.calls) == 5  # the blank plane is passed over
    for kind in ("nuclei", "probability", "boundary", "certainty"):
        layer = viewer.layers[f"stack {kind}"]
        assert layer.data.shape == stack.shape
        assert np.allclose(layer.affine.affine_matrix, image.affine.affine_matrix)
        assert tuple(layer.scale) == (30, 2, 0.5, 0.25)
        assert tuple(layer.translate) == (0, 5, 1, 2)
        assert layer.units == image.units and layer.axis_labels == image.axis_labels
    labels = viewer.layers["stack nuclei"]
    assert labels.data.dtype == np.int32
    assert labels.data.max(axis=(2, 3)).tolist() == [[2, 4, 6], [8, 10, 0]]
    assert labels.features["index"].tolist() == list(range(1, 11))
    assert labels.selected_label == 11
    np.testing.assert_allclose(
        viewer.layers["stack probability"].data, stack / np.float32(255)
    )
    status = dock.status.text.text()
    assert "10 nuclei on 6 planes" in status and "1 of 6 planes are blank" in status
    viewer.dims.set_current_step(0, 1)
    specimen = Specimen.of(labels, viewer.layers, viewer.dims)
    assert {m.shape for m in specimen.maps.values()} == {specimen.labels.shape}


def test_linked_nuclei_keep_their_number(open_stack, run_and_wait):
    viewer, dock, _ = open_stack()
    link = dock.image_panel.areas.link
    assert [link.combo.itemText(i) for i in range(3)] == [
        "Nothing",
        "t",
        "z",
    ]
    link.set_value("z")
    run_and_wait(dock)
    labels = viewer.layers["stack nuclei"]
    assert labels.data[0].max(axis=(1, 2)).tolist() == [2, 2, 2]
    features = labels.features.set_index("index")
    assert features.index.is_unique and features.loc[1, "area"] == 400
    assert f"{len(features)} nuclei on 6 planes" in dock.status.text.text()


def test_a_second_run_keeps_corrected_labels(open_stack, run_and_wait):
    viewer, dock, _ = open_stack()
    run_and_wait(dock)
    corrected = viewer.layers["stack nuclei"]
    corrected.data_setitem(tuple(np.array([n]) for n in (1, 2, 0, 0)), 7)
    run_and_wait(dock)
    assert corrected.data[1, 2, 0, 0] == 7 and not corrected.visible
    assert viewer.layers["stack nuclei [1]"].data[1, 2, 0, 0] == 0
    assert "corrections are kept" in dock.status.text.text()


def test_thresholds_label_all_planes_anew(open_stack, run_and_wait, qtbot, core):
    viewer, dock, _ = open_stack()
    dock.image_panel.areas.link.set_value("z")
    run_and_wait(dock)
    labels, runs = viewer.layers["stack nuclei"], len(core.calls)
    before, area = labels.data.copy(), dock.form.values()["min_area"]
    dock.form.fields["min_area"].set_value(5)
    qtbot.waitUntil(lambda: "with these thresholds" in dock.status.text.text())
    assert len(core.calls) == runs
    moved = labels.data.copy()
    run_and_wait(dock)
    assert np.array_equal(labels.data, moved) and (moved > 0).sum() > (before > 0).sum()
    dock.form.fields["min_area"].set_value(area)
    qtbot.waitUntil(lambda: np.array_equal(labels.data, before))
    labels.data_setitem(tuple(np.array([n]) for n in (1, 2, 0, 0)), 7)
    dock.form.fields["min_area"].set_value(5)
    qtbot.waitUntil(lambda: "corrections" in dock.run_panel.notice.text.text())
    assert labels.data[1, 2, 0, 0] == 7


def test_without_maps_thresholds_leave_all_planes_alone_and_say_so(
    open_stack, run_and_wait, qtbot, monkeypatch
):
    monkeypatch.setattr(sizes, "MOST_MAP_BYTES", 100_000)
    viewer, dock, _ = open_stack()
    assert "single planes only" in dock.image_panel.areas.about.text()
    run_and_wait(dock)
    labels = viewer.layers["stack nuclei"]
    before = labels.data.copy()
    dock.form.fields["min_area"].set_value(5)
    qtbot.waitUntil(lambda: "too large to keep" in dock.status.text.text())
    assert np.array_equal(labels.data, before)
    dock.image_panel.areas.area.set_value(None)
    viewer.dims.set_current_step((0, 1), (0, 0))
    run_and_wait(dock)
    assert viewer.layers["stack t=0 z=0 nuclei"].data.max() == 3
    dock.image_panel.areas.area.set_value(Area.PLANES)
    run_and_wait(dock)
    assert labels.data.max() > before.max()


def test_a_run_over_planes_is_cancelled_between_windows(open_stack, core, qtbot):
    viewer, dock, _ = open_stack()
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: bool(core.calls))
    qtbot.waitUntil(lambda: "Plane t=0 z=0" in dock.status.text.text())
    assert dock.status.bar.maximum() == 600
    dock.run_panel.cancel_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert len(viewer.layers) == 1 and len(core.calls) == 1


def test_lazy_stacks_are_read_one_plane_at_a_time(open_stack, run_and_wait, stack):
    read = []

    def load(block_info=None):
        place = block_info[None]["chunk-location"][:2]
        read.append(place)
        return stack[place][None, None]

    lazy = da.map_blocks(
        load, chunks=((1, 1), (1, 1, 1), (80,), (100,)), dtype=stack.dtype
    )
    viewer, dock, _ = open_stack(lazy, contrast_limits=(0, 255))
    read.clear()
    run_and_wait(dock)
    assert viewer.layers["stack nuclei"].data.shape == stack.shape
    assert read == list(np.ndindex(2, 3))


def test_maps_that_would_not_fit_are_left_out(open_stack, run_and_wait, monkeypatch):
    monkeypatch.setattr(sizes, "MOST_MAP_BYTES", 100_000)
    viewer, dock, _ = open_stack()
    assert "Labels only" in dock.image_panel.areas.about.text()
    run_and_wait(dock)
    assert [layer.name for layer in viewer.layers] == ["stack", "stack nuclei"]
    assert "10 nuclei" in dock.status.text.text()


def test_the_network_is_loaded_once(open_stack, run_and_wait, monkeypatch):
    loads, shared_model = [], models.shared_model
    monkeypatch.setattr(
        "napari_pmrnet.models.shared_model",
        lambda *args: loads.append(args) or shared_model(*args),
    )
    _, dock, _ = open_stack()
    run_and_wait(dock)
    assert len(loads) == 1
    assert stack_module.MAPS == ("probability", "boundary", "certainty")


@pytest.mark.parametrize("kind", ["grey", "channels", "colours", "pyramid"])
def test_a_plane_on_disk_is_read_where_it_is_asked_for(kind):
    full = np.random.default_rng(0).integers(0, 255, (3, 2, 90, 120)).astype(np.uint8)
    options = {"axis_labels": ("t", "c", "y", "x")}
    if kind == "colours":
        full, options = np.moveaxis(full[:, [0, 1, 0]], 1, -1), {"rgb": True}
    elif kind != "channels":
        full, options = full[:, 0], {"axis_labels": ("t", "y", "x")}
    read = []

    def load(block, block_info=None):
        if block_info:
            read.append(block_info[0]["chunk-location"])
        return block

    chunks = (1, *[30 if n in (90, 120) else n for n in full.shape[1:]])
    lazy = da.from_array(full, chunks=chunks).map_blocks(load, dtype=full.dtype)
    data = [lazy, da.from_array(full[:, ::2, ::2])] if kind == "pyramid" else [lazy]
    layer = Image(data if kind == "pyramid" else lazy, **options)
    plane = shown_plane(layer, (1, *[0] * (layer.ndim - 1)))
    assert len(plane.levels) == len(data)
    read.clear()
    found = replace(plane, channel=1 if kind == "channels" else None)
    assert found.shape == (90, 120) and not read
    found.limits, found.smoothing = (0.0, 255.0), 0.0
    part = found[:, 35:55, 62:80]
    assert len(read) == 1
    expected = full[1, 1] if kind == "channels" else full[1]
    expected = np.atleast_3d(expected[35:55, 62:80]).astype(np.float32) / 255
    np.testing.assert_allclose(part, np.broadcast_to(expected.T, (3, 18, 20)).mT)


def test_of_a_lazy_image_only_the_field_is_segmented(
    open_dock, run_and_wait, blobs, core, monkeypatch
):
    asked = []

    def steps(plane, settings, region):
        asked.append((plane, region))
        assert not plane.in_memory
        return (yield from core.segment_steps(plane, settings))

    monkeypatch.setattr(jobs, "segment_steps", steps)
    viewer, dock = open_dock()
    viewer.add_image(da.from_array(blobs), name="slide", contrast_limits=(0, 255))
    dock.image_panel.areas.area.set_value(Area.SEEN)
    run_and_wait(dock)
    plane, region = asked[0]
    assert plane.shape == region.shape == blobs.shape
    assert "slide nuclei" in viewer.layers


def test_the_hint_says_which_plane_of_how_many_is_segmented(open_dock, blobs, stack):
    viewer, dock = open_dock()
    about = dock.image_panel.areas.about
    viewer.add_image(blobs, name="plain")
    assert about.text() == "" and about.isHidden()
    viewer.add_image(stack, name="stack", axis_labels=("t", "z", "y", "x"))
    viewer.dims.set_current_step(0, 1)
    viewer.dims.set_current_step(1, 2)
    assert about.text() == "Segments the plane on show, t=1 z=2, of 2 x 3."
    viewer.dims.set_current_step(1, 0)
    assert "z=0" in about.text()


def test_the_hint_of_a_plane_by_kind_of_image():
    _, layer = model_of((5, 2, 40, 60), axis_labels=("z", "c", "y", "x"))
    said = describe_plane(shown_plane(layer, (3, 0, 0, 0)))
    assert said == "Segments the plane on show, z=3, of 5."
    _, layer = model_of((12, 40, 60, 3), rgb=True, axis_labels=("t", "y", "x"))
    plane = shown_plane(layer, (7, 0, 0))
    assert describe_plane(plane) == "Segments the plane on show, t=7, of 12."
    polygon = np.array([(0, 0), (0, 9), (9, 9), (9, 0)])
    assert describe_seen(polygon, plane) == (
        "Segments 10 x 10 pixels of 60 x 40 of the plane on show, t=7, of 12."
    )
    assert "in the shapes of the plane on show" in describe_plane(plane, True)


def test_results_of_planes_are_on_show_with_their_plane(
    open_dock, run_and_wait, stack, core, qtbot
):
    viewer, dock = open_dock()
    viewer.add_image(stack[0], name="stack", axis_labels=("z", "y", "x"))
    for plane in (0, 2):
        viewer.dims.set_current_step(0, plane)
        run_and_wait(dock)
    for plane in (1, 2, 0):
        viewer.dims.set_current_step(0, plane)
        seen = [layer.name for layer in viewer.layers[1:] if layer.visible]
        assert seen == ([] if plane == 1 else [f"stack z={plane} nuclei"])
        chosen = dock.labels_to_export()
        viewer.layers.selection.active = viewer.layers["stack"]
        assert plane == 1 or dock.labels_to_export().name == f"stack z={plane} nuclei"
        assert chosen is not None

    viewer.dims.set_current_step(0, 1)
    core.gate.clear()
    dock.run_panel.run_button.click()
    qtbot.waitUntil(lambda: len(core.calls) == 3)
    viewer.dims.set_current_step(0, 2)
    core.gate.set()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled)
    assert not viewer.layers["stack z=1 nuclei"].visible
    viewer.layers["stack z=1 nuclei"].visible = True
    assert viewer.dims.current_step[0] == 1
