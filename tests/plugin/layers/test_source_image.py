"""Labels are tied to the image they were made from, or to none."""

from __future__ import annotations

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.layers._source import Source, layer_source
from plates import write_plate

from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.plugin.layers.results import Results
from napari_pmrnet.plugin.layers.source_image import (
    could_be_of,
    folder_of,
    image_for,
    print_of,
    tie,
)
from napari_pmrnet.plugin.reader import read_layers
from napari_pmrnet.proofreading.journal import fingerprint
from napari_pmrnet.segmentation.stack import Stack

SHAPE = (40, 50)


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, SHAPE, np.uint8)


def viewer_with(*names: str) -> ViewerModel:
    viewer = ViewerModel()
    for seed, name in enumerate(names):
        viewer.add_image(pixels(seed), name=name)
    return viewer


def add_labels(viewer: ViewerModel, name: str, **about: object) -> Labels:
    metadata = {METADATA_KEY: about} if about else {}
    return viewer.add_labels(np.zeros(SHAPE, np.int32), name=name, metadata=metadata)


def name_of(labels: Labels, viewer: ViewerModel) -> str | None:
    image = image_for(labels, viewer.layers)
    return None if image is None else image.name


@pytest.mark.parametrize(
    ("images", "labels", "wanted"),
    [
        (["cell1", "cell10"], "cell10_labels", "cell10"),
        (["cell10", "cell1"], "cell1_labels", "cell1"),
        (["cell1"], "cell10_labels", None),
        (["image", "image [1]"], "image [1]_labels", "image [1]"),
        (["image [1]", "image"], "image_labels", "image"),
        (["image"], "image [1]_labels", None),
        (["cells", "cells z"], "cells z=3 nuclei", "cells"),
        (["cells", "cells b"], "cells b nuclei (restored)", "cells b"),
        (["cells_a"], "cells_a_b_labels", None),
        (["a", "b"], "Labels", None),
        (["a"], "Labels", "a"),
        (["a"], "nuclei", "a"),
        (["a.tif", "a.png"], "a.png_labels", "a.png"),
        (["a.tif", "a.png"], "a_labels", None),
        (["cells"], "cells_cp_masks", "cells"),
    ],
)
def test_by_the_longest_exact_name(
    images: list[str], labels: str, wanted: str | None
) -> None:
    viewer = viewer_with(*images)
    assert name_of(add_labels(viewer, labels), viewer) == wanted


def test_by_the_pixels_that_the_labels_name(tmp_path: Path) -> None:
    viewer = viewer_with("cells", "other")
    told = {"image": "cells", "fingerprint": fingerprint(pixels(1))}
    assert name_of(add_labels(viewer, "cells nuclei", **told), viewer) == "other"
    told["fingerprint"] = fingerprint(pixels(7))
    assert name_of(add_labels(viewer, "cells nuclei", **told), viewer) is None


def test_a_name_in_the_tag_counts_before_that_of_the_layer() -> None:
    viewer = viewer_with("cell1", "cell2")
    assert name_of(add_labels(viewer, "cell1_labels", image="cell2"), viewer) == "cell2"
    assert name_of(add_labels(viewer, "cell1_labels", image="cell3"), viewer) is None
    tagged = add_labels(viewer, "x", image="cell2.tif")
    assert name_of(tagged, viewer) == "cell2"


def test_in_their_own_folder_among_images_of_one_name(tmp_path: Path) -> None:
    viewer = ViewerModel()
    wanted = {}
    for seed, folder in enumerate(("a", "b")):
        place = tmp_path / folder
        place.mkdir()
        tifffile.imwrite(place / "cells.tif", pixels(seed))
        write_labels(place / "cells_labels.tif", np.ones(SHAPE, np.int32))
        made = []
        for name, kind in (("cells.tif", Image), ("cells_labels.tif", Labels)):
            data, about, _ = read_layers(place / name)[0]
            with layer_source(path=str(place / name)):
                made.append(viewer.add_layer(kind(data, **about)))
        image, labels = made
        wanted[labels] = image
    for labels, image in wanted.items():
        assert image_for(labels, viewer.layers) is image


def test_the_image_of_this_session_whatever_the_names(segmentation, blobs) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(blobs, name="cells")
    results = Results(viewer)
    list(results.show(image, "", segmentation))
    labels = viewer.layers["cells nuclei"]
    assert labels.metadata[METADATA_KEY]["fingerprint"] == print_of(image)
    image.name, labels.name = "renamed", "other nuclei"
    viewer.add_image(blobs, name="other")
    assert image_for(labels, viewer.layers) is image
    viewer.layers.remove(image)
    assert image_for(labels, viewer.layers) is None
    made = Provenance.from_dict(labels.metadata[METADATA_KEY])
    assert (made.image, made.fingerprint) == ("cells", print_of(image))


def test_the_users_word_counts() -> None:
    viewer = viewer_with("a", "b")
    labels = add_labels(viewer, "a_labels")
    tie(labels, viewer.layers["b"])
    assert name_of(labels, viewer) == "b"


def test_channels_planes_and_colours_have_the_shape_of_their_labels() -> None:
    viewer = ViewerModel()
    labels = viewer.add_labels(np.zeros(SHAPE, np.int32))
    shapes = {
        "channels": ((3, *SHAPE), {"axis_labels": ("c", "y", "x")}, True),
        "colours": ((*SHAPE, 3), {"rgb": True}, True),
        "planes": ((3, *SHAPE), {"axis_labels": ("z", "y", "x")}, False),
    }
    for name, (shape, about, known) in shapes.items():
        image = Image(np.zeros(shape, np.uint8), name=name, **about)
        assert could_be_of(labels, image)
        assert (image_for(labels, [image, labels]) is image) is known


NAMES = st.text("a1_ -[].", min_size=1, max_size=6).filter(str.strip)
ENDINGS = st.sampled_from(["_labels", " nuclei", " z=3 nuclei", " nuclei (restored)"])


@settings(deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique=True), ending=ENDINGS)
def test_never_to_another_image_by_name(names: list[str], ending: str) -> None:
    images = [Image(pixels(seed), name=name) for seed, name in enumerate(names)]
    own, *others = images
    labels = Labels(np.zeros(SHAPE, np.int32), name=f"{own.name}{ending}")
    assert image_for(labels, images) is own
    assert image_for(labels, others) is None


def test_an_image_that_was_given_other_pixels_is_no_longer_that_of_its_labels() -> None:
    viewer = viewer_with("cells")
    image, labels = viewer.layers["cells"], add_labels(viewer, "cells nuclei")
    tie(labels, image)
    assert name_of(labels, viewer) == "cells"
    image.data = pixels(7)
    assert name_of(labels, viewer) is None
    tie(labels, image)
    assert name_of(labels, viewer) == "cells", "the user's word counts"


def test_a_moved_threshold_does_not_tie_old_labels_to_new_pixels(segmentation) -> None:
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((80, 100), np.uint8), name="cells")
    results = Results(viewer)
    list(results.show(image, "", segmentation))
    result = results.find(image, "")
    assert result is not None and name_of(result.labels, viewer) == "cells"
    image.data = np.ones((80, 100), np.uint8)
    results.relabel(result, segmentation)
    assert name_of(result.labels, viewer) is None


@pytest.mark.parametrize("kind", ["memory", "disk", "channels"])
def test_labels_on_disk_know_the_image_they_are_of(kind: str) -> None:
    many = np.random.default_rng(1).integers(0, 200, (3, *SHAPE), np.uint8)
    seen = Stack(da.from_array(many), ("y", "x"), 0).print_of_middle(1)
    viewer = ViewerModel()
    if kind == "channels":
        viewer.add_image(many[::-1], name="other", axis_labels=("c", "y", "x"))
        viewer.add_image(many[:, ::-1], name="cells", axis_labels=("c", "y", "x"))
    for name, plane in (("cells", many[0]), ("renamed", many[1]), ("third", many[2])):
        data = plane if kind == "memory" else da.from_array(plane, chunks=16)
        if kind != "channels":
            viewer.add_image(data, name=name, contrast_limits=(0, 200))
    labels = add_labels(viewer, "cells nuclei", image="cells", fingerprint=seen)
    expected = "other" if kind == "channels" else "renamed"
    assert name_of(labels, viewer) == expected
    viewer.layers.remove(expected)
    assert name_of(labels, viewer) is None, "the name alone is another image's"


def test_the_middle_tells_images_of_other_shapes_and_pixels_apart() -> None:
    prints = {
        Stack(image, ("y", "x")).print_of_middle()
        for image in (pixels(), pixels(1), pixels()[:, :-2], pixels().astype(np.uint16))
    }
    assert len(prints) == 4
    whole = Stack(pixels(), ("y", "x")).print_of_middle()
    swapped = pixels().astype(np.uint16)
    alike = [Stack(swapped.astype(order), ("y", "x")) for order in ("<u2", ">u2")]
    assert whole in prints and len({one.print_of_middle() for one in alike}) == 1
    (single,) = {Stack(pixels()[None], ("z", "y", "x")).print_of_middle()}
    assert single == whole


def test_dialogs_start_in_the_folder_of_the_image() -> None:
    viewer = ViewerModel()
    assert folder_of(None, viewer.layers) == Path.home()
    image = viewer.add_image(np.zeros((20, 30)), name="cells")
    labels = viewer.add_labels(np.zeros((20, 30), int), name="cells_labels")
    assert folder_of(labels, viewer.layers) == Path.home()
    other = viewer.add_image(np.zeros((9, 9)), name="other")
    other._set_source(Source(path="/other/a.tif"))
    assert folder_of(labels, viewer.layers) == Path("/other")
    labels._set_source(Source(path="/labels/a.tif"))
    assert folder_of(labels, viewer.layers) == Path("/labels")
    image._set_source(Source(path="/images/a.tif"))
    assert folder_of(labels, viewer.layers) == Path("/images")
    assert folder_of(None, viewer.layers) == Path("/other")


def test_labels_of_fields_of_a_plate_are_told_apart(tmp_path: Path) -> None:
    """All of them lie in folders of the same name, and are opened lazily."""
    pytest.importorskip("yaozarrs")
    plate = write_plate(tmp_path / "p.zarr", pixels=lambda _: pixels())
    viewer = ViewerModel()
    for path in (plate, plate / "A" / "1" / "1"):
        for data, about, _ in read_layers(path):
            with layer_source(path=str(path)):
                viewer.add_image(data, **about)
    for name in ("p_A01_0", "p_A01_1"):
        labels = add_labels(viewer, f"{name}_labels", image=name)
        assert name_of(labels, viewer) == name
        assert folder_of(labels, viewer.layers) == tmp_path
    old = add_labels(viewer, "p_B12_0_labels", image="0")
    assert name_of(old, viewer) is None


def test_labels_of_scenes_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for name in ("Left", "Right"):
            tiff.write(pixels(), metadata={"axes": "YX", "Name": name})
    viewer = ViewerModel()
    for data, about, _ in read_layers(path):
        with layer_source(path=str(path)):
            viewer.add_image(da.from_array(data), **about)
    for layer in list(viewer.layers):
        labels = add_labels(viewer, "labels", image=layer.name)
        assert name_of(labels, viewer) == layer.name
