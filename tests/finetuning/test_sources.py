"""Labels and reviews of files are tied to the image they are of, or refused."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from plates import image_of, write_plate

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.label_files import label_files
from napari_pmrnet.finetuning.sources import corrections_of_files
from napari_pmrnet.io.image_place import ImagePlace, images_in
from napari_pmrnet.io.images import open_image
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.proofreading.journal import Journal, fingerprint, journal_path
from napari_pmrnet.proofreading.saved_review import SavedReview, save_review


def picture(path: Path, seed: int = 0) -> np.ndarray:
    """Write a noisy grey image."""
    pixels = np.random.default_rng(seed).integers(1, 250, (48, 64), np.uint8)
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels)
    else:
        Image.fromarray(pixels).save(path)
    return pixels


def discs(count: int = 2) -> np.ndarray:
    """Labels (48, 64) of squares."""
    labels = np.zeros((48, 64), np.uint16)
    for number in range(count):
        labels[4:20, 20 * number + 2 : 20 * number + 16] = number + 1
    return labels


def test_an_image_beside_its_labels_is_not_taken_for_labels(tmp_path: Path) -> None:
    picture(tmp_path / "cells.tif")
    tifffile.imwrite(tmp_path / "cells_labels.tif", discs())
    (found,) = corrections_of_files([tmp_path / "cells.tif"], labels=tmp_path)
    assert found.reviewed.tolist() == [1, 2]
    (tmp_path / "cells_labels.tif").unlink()
    with pytest.raises(DataError, match="there is no review"):
        corrections_of_files([tmp_path / "cells.tif"], labels=tmp_path)


def test_pictures_in_the_place_of_labels_are_refused(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "cells.png")
    for other in (pixels, pixels // 2 + 3):
        tifffile.imwrite(tmp_path / "cells.tif", other)
        with pytest.raises(DataError, match=r"cells\.tif: holds a picture"):
            corrections_of_files([tmp_path / "cells.png"], labels=tmp_path)


def test_two_files_that_could_be_the_labels_are_refused(tmp_path: Path) -> None:
    picture(tmp_path / "cells.png")
    for name in ("cells.tif", "cells_labels.tif"):
        tifffile.imwrite(tmp_path / name, discs())
    with pytest.raises(DataError, match="could both hold its labels"):
        corrections_of_files([tmp_path / "cells.png"], labels=tmp_path)


def test_one_file_is_not_the_labels_of_two_images(tmp_path: Path) -> None:
    images = [tmp_path / "a" / "cells.png", tmp_path / "b" / "cells.png"]
    for number, path in enumerate(images):
        path.parent.mkdir()
        picture(path, number)
    tifffile.imwrite(tmp_path / "cells_labels.tif", discs())
    with pytest.raises(DataError, match="not clear whether it is of"):
        corrections_of_files(images, labels=tmp_path)
    with pytest.raises(DataError, match="Give one of them another name"):
        corrections_of_files(images, labels=tmp_path)
    first = ImagePlace(images[0])
    assert label_files([first], tmp_path) == {first: tmp_path / "cells_labels.tif"}


def write_channels(path: Path) -> np.ndarray:
    """Write an image of two channels with names."""
    pixels = np.random.default_rng(7).integers(1, 250, (2, 48, 64), np.uint8)
    about = {"axes": "CYX", "Labels": ["GFP", "405: DAPI"]}
    tifffile.imwrite(path, pixels, imagej=True, metadata=about)
    return pixels


@pytest.mark.parametrize(("name", "channel"), [("GFP", 0), ("405_ DAPI", 1)])
def test_labels_exported_of_a_channel_go_to_its_image(
    tmp_path: Path, name: str, channel: int
) -> None:
    """And are learned with that channel, also saved anew by another program."""
    pixels = write_channels(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / f"a {name}_labels.tif", discs())
    tifffile.imwrite(tmp_path / "a old_labels.tif", discs())
    (found,) = corrections_of_files([tmp_path / "a.tif"], labels=tmp_path)
    np.testing.assert_array_equal(found.image, pixels[channel])
    assert found.reviewed.tolist() == [1, 2]


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_all_of_a_colour_image_is_learned(tmp_path: Path, ending: str) -> None:
    """Its labels are named after its layer, which is no channel of it."""
    pixels = np.random.default_rng(3).integers(1, 250, (48, 64, 3), np.uint8)
    path = tmp_path / f"a{ending}"
    if ending == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb")
    else:
        Image.fromarray(pixels).save(path)
    tifffile.imwrite(tmp_path / "a_labels.tif", discs())
    (found,) = corrections_of_files([path], labels=tmp_path)
    np.testing.assert_array_equal(found.image, pixels)


def test_labels_go_to_the_image_of_their_very_name(tmp_path: Path) -> None:
    write_channels(tmp_path / "a.tif")
    picture(tmp_path / "a GFP.tif")
    labels = tmp_path / "a GFP_labels.tif"
    tifffile.imwrite(labels, discs())
    a, other = ImagePlace(tmp_path / "a.tif"), ImagePlace(tmp_path / "a GFP.tif")
    assert label_files([a, other], tmp_path) == {other: labels}
    assert label_files([a], tmp_path) == {}
    other.path.rename(tmp_path / "b.tif")
    assert label_files([a], tmp_path) == {a: labels}
    (tmp_path / "a GFP").mkdir()  # such as one for its results
    assert label_files([a], tmp_path) == {a: labels}


def test_labels_of_an_image_named_like_a_scene_go_to_it(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for _ in range(2):
            tiff.write(discs(0), metadata={"axes": "YX"})
    labels = tmp_path / "a 2_labels.tif"
    tifffile.imwrite(labels, discs())
    scenes, other = images_in(path), ImagePlace(tmp_path / "a 2.png")
    assert label_files(scenes, tmp_path) == {scenes[1]: labels}
    picture(other.path)
    assert label_files([*scenes, other], tmp_path) == {other: labels}
    assert label_files(scenes, tmp_path) == {}


def test_labels_of_two_channels_are_refused(tmp_path: Path) -> None:
    write_channels(tmp_path / "a.tif")
    for name in ("GFP", "405_ DAPI"):
        tifffile.imwrite(tmp_path / f"a {name}_labels.tif", discs())
    with pytest.raises(DataError, match="could both hold its labels"):
        corrections_of_files([tmp_path / "a.tif"], labels=tmp_path)


def test_labels_that_name_another_image_are_refused(tmp_path: Path) -> None:
    pixels, path = picture(tmp_path / "cells.png"), tmp_path / "cells_labels.tif"
    made = Provenance(image="other.png", fingerprint=fingerprint(pixels + 1))
    write_labels(path, discs(), provenance=made)
    with pytest.raises(DataError, match=r"made from other\.png"):
        corrections_of_files([tmp_path / "cells.png"], labels=tmp_path)
    made = Provenance(image="other.png", fingerprint=fingerprint(pixels))
    write_labels(path, discs(), provenance=made, overwrite=True)
    (found,) = corrections_of_files([tmp_path / "cells.png"], labels=tmp_path)
    assert found.reviewed.tolist() == [1, 2]


def test_reviews_of_no_image_or_twice_of_one_are_refused(tmp_path: Path) -> None:
    pixels = picture(tmp_path / "cells.png")
    labels = discs().astype(np.int32)
    statuses = {("nucleus", 1): "accepted"}
    right, again, wrong = (tmp_path / name for name in ("right", "again", "wrong"))
    for folder, image in ((right, pixels), (again, pixels), (wrong, pixels + 1)):
        review = SavedReview(labels, labels, {}, statuses, fingerprint(image))
        save_review(folder, review)
    (found,) = corrections_of_files([tmp_path / "cells.png"], [right])
    assert found.reviewed.tolist() == [1]
    with pytest.raises(DataError, match="wrong: is not the review of any"):
        corrections_of_files([tmp_path / "cells.png"], [right, wrong])
    with pytest.raises(DataError, match="the same image as"):
        corrections_of_files([tmp_path / "cells.png"], [right, again])


def test_a_journal_of_another_image_is_refused(tmp_path: Path) -> None:
    pixels, path = picture(tmp_path / "cells.png"), tmp_path / "cells.png"
    beside = path.with_name("cells.png.pmrnet-review")
    journal = Journal(beside, discs().astype(np.int32), fingerprint(pixels), {})
    journal.told(("nucleus", 1), "accepted")
    journal.close()
    picture(path, 1)
    with pytest.raises(DataError, match="review of another image"):
        corrections_of_files([path])


@pytest.mark.parametrize("damaged", ["b.png", "b_labels.tif"])
def test_an_image_that_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    images = [tmp_path / f"{name}.png" for name in "abc"]
    for number, path in enumerate(images):
        picture(path, number)
        tifffile.imwrite(tmp_path / f"{path.stem}_labels.tif", discs())
    (tmp_path / damaged).write_bytes((tmp_path / damaged).read_bytes()[:100])
    found = corrections_of_files(images, labels=tmp_path)
    assert [one.name for one in found] == ["a.png", "c.png"]
    line, summary = caplog.messages
    assert damaged in line and "\n" not in line
    assert summary == "1 image is left out."
    with pytest.raises(DataError, match=damaged):
        corrections_of_files(images[1:2], labels=tmp_path)


def test_a_damaged_field_is_left_out_of_a_plate(tmp_path: Path, caplog) -> None:
    pytest.importorskip("yaozarrs")
    rng = np.random.default_rng(0)
    pixels = [rng.integers(1, 250, (48, 64), np.uint8) for _ in range(3)]
    plate = write_plate(tmp_path / "p.zarr", pixels=lambda number: pixels[number])
    for field in ("A01_0", "A01_1", "B12_0"):
        tifffile.imwrite(tmp_path / f"p_{field}_labels.tif", discs())
    (plate / "A" / "1" / "1" / "zarr.json").write_text("{")
    found = corrections_of_files([plate], labels=tmp_path)
    assert [one.name for one in found] == ["p_A01_0", "p_B12_0"]
    assert len(caplog.messages) == 2 and "p.zarr/A/1/1" in caplog.messages[0]


NAMES = st.text("a1_-. []", min_size=1, max_size=6).map(str.strip)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(NAMES.filter(lambda n: n.strip(". ")), min_size=1, unique=True))
def test_whatever_the_names_labels_go_to_their_own_image(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    images = [folder / "images" / f"{name}.png" for name in names]
    for image in images:
        (folder / f"{image.name}_labels.tif").touch()
    places = [*map(ImagePlace, images)]
    assert label_files(places, folder) == {
        image: folder / f"{image.name}_labels.tif" for image in places
    }


TWO = np.random.default_rng(5).integers(1, 250, (3, 48, 64), np.uint8)


@pytest.fixture
def channels(tmp_path: Path) -> Path:
    """An image of three channels."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, TWO, imagej=True, metadata={"axes": "CYX"})
    return path


@pytest.mark.parametrize("how", ["labels", "settings", "review", "journal"])
def test_the_channel_that_was_segmented_is_learned_from(
    how: str, channels: Path
) -> None:
    folder, seen = channels.parent, fingerprint(TWO[2])
    options: dict = {}
    if how in ("labels", "settings"):
        made = Provenance({"channel": 2}, image="cells.tif")
        if how == "labels":
            made = Provenance(image="cells GFP", fingerprint=seen)
        write_labels(folder / "cells_labels.tif", discs(), provenance=made)
        options = {"labels": folder}
    elif how == "review":
        saved = SavedReview(discs(), discs(), statuses={("nucleus", 1): "accepted"})
        options = {"reviews": [save_review(folder / "r", replace(saved, image=seen))]}
    else:
        place, labels = journal_path(channels, seen), discs().astype(np.int32)
        with closing(Journal(place, labels, seen, {})) as journal:
            journal.told(("nucleus", 1), "accepted")
    (found,) = corrections_of_files([channels], **options)
    assert (found.image == TWO[2]).all()
    if how != "settings":
        (asked,) = corrections_of_files([channels], channel=0, **options)
        assert (asked.image == TWO[0]).all(), "the user's word counts"


@pytest.mark.parametrize(
    ("made", "limits"),
    [
        ({"limits": "10:90"}, "10:90"),
        ({"limits": "percentiles"}, "percentiles"),
        ({"limits": "region"}, "automatic"),
        ({"limits": "of a later version"}, "automatic"),
        ({}, "automatic"),
        (None, "automatic"),
    ],
)
def test_the_limits_that_labels_were_made_with_come_along(
    made: dict | None, limits: str, tmp_path: Path
) -> None:
    picture(tmp_path / "cells.png")
    write_labels(tmp_path / "cells_labels.tif", discs(), provenance=Provenance(made))
    (found,) = corrections_of_files([tmp_path / "cells.png"], labels=tmp_path)
    assert found.limits == limits
    found.save(tmp_path / "one.npz")
    assert Corrections.load(tmp_path / "one.npz").limits == limits


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Path, list[np.ndarray]]:
    """A file of three images, and their pixels."""
    path, pixels = tmp_path / "a.ome.tif", []
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for number, name in enumerate(("Left", "Right/1", "")):
            rng = np.random.default_rng(number)
            pixels.append(rng.integers(1, 250, (48, 64), np.uint8))
            tiff.write(pixels[-1], metadata={"axes": "YX", "Name": name})
    return path, pixels


@pytest.mark.parametrize(
    "name", ["a_Right_1_labels", "a.ome.tif_Right_1_labels", "a 2_ Right_1_labels"]
)
def test_labels_of_a_scene_go_to_that_scene(tmp_path: Path, scenes, name: str) -> None:
    """Named as a batch names them, or a dock its export."""
    path, pixels = scenes
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", discs())
    (found,) = corrections_of_files([path], labels=tmp_path / "labels")
    np.testing.assert_array_equal(found.image, pixels[1])
    assert found.name == "a.ome.tif [Right/1]" and found.reviewed.tolist() == [1, 2]


def test_exported_labels_of_an_image_in_a_zarr_folder_go_to_it(tmp_path: Path) -> None:
    """Its layer is called by its name, the first one by 0."""
    zarr = pytest.importorskip("zarr")
    write_image = pytest.importorskip("yaozarrs.write.v05").write_image
    path, rng = tmp_path / "slide.zarr", np.random.default_rng(0)
    zarr.open_group(path, mode="w", zarr_format=3)
    pixels = [rng.integers(1, 250, (48, 64), np.uint8) for _ in range(2)]
    for number, own in enumerate(pixels):
        write_image(path / str(number), *image_of(own), writer="zarr")
    for count, image in enumerate(open_image(path), start=1):
        tifffile.imwrite(tmp_path / f"{image.name}_labels.tif", discs(count))
    found = corrections_of_files([path], labels=tmp_path)
    assert [one.reviewed.size for one in found] == [1, 2]
    np.testing.assert_array_equal([one.image for one in found], pixels)


def test_all_scenes_that_have_labels_are_learned_from(tmp_path: Path, scenes) -> None:
    """Empty ones among them teach nothing."""
    path, pixels = scenes
    folder = tmp_path / "labels"
    folder.mkdir()
    for count, name in ((1, "Left"), (0, "Right_1"), (3, "2")):
        tifffile.imwrite(folder / f"a_{name}_labels.tif", discs(count))
    found = corrections_of_files([path], labels=folder)
    assert [one.reviewed.size for one in found] == [1, 3]
    np.testing.assert_array_equal(found[1].image, pixels[2])


@pytest.mark.parametrize("name", ["a_labels", "a.ome.tif_labels", "a"])
def test_labels_of_no_scene_in_particular_are_refused(
    tmp_path: Path, scenes, name: str
) -> None:
    path, _ = scenes
    (tmp_path / "labels").mkdir()
    tifffile.imwrite(tmp_path / "labels" / f"{name}.tif", discs())
    with pytest.raises(DataError, match=r"which image .* a_Left_labels"):
        corrections_of_files([path], labels=tmp_path / "labels")


def test_labels_of_another_scene_are_refused(tmp_path: Path, scenes) -> None:
    path, pixels = scenes
    made = Provenance(image="a 1: Left", fingerprint=fingerprint(pixels[0]))
    write_labels(tmp_path / "a_2_labels.tif", discs(), provenance=made)
    with pytest.raises(DataError, match=r"made from a 1: Left.*a\.ome\.tif \[2\]"):
        corrections_of_files([path], labels=tmp_path)


def test_the_journals_of_scenes_are_read(tmp_path: Path, scenes) -> None:
    path, pixels = scenes
    with pytest.raises(DataError, match="no review of any of its images"):
        corrections_of_files([path])
    labels = discs().astype(np.int32)
    for number in (2, 1):
        seen = fingerprint(pixels[number])
        with closing(Journal(journal_path(path, seen), labels, seen)) as journal:
            journal.told(("nucleus", number), "accepted")
    found = corrections_of_files([path])
    assert [one.reviewed.tolist() for one in found] == [[1], [2]]
    np.testing.assert_array_equal(found[0].image, pixels[1])


@pytest.mark.parametrize("named", ["plate", "well and fields"])
def test_labels_of_a_plate_go_to_their_fields(tmp_path: Path, named: str) -> None:
    pytest.importorskip("yaozarrs")
    rng = np.random.default_rng(0)
    pixels = [rng.integers(1, 250, (48, 64), np.uint8) for _ in range(3)]
    plate = write_plate(tmp_path / "p.zarr", pixels=lambda number: pixels[number])
    folder = tmp_path / "labels"
    folder.mkdir()
    tifffile.imwrite(folder / "p_A01_1_labels.tif", discs(1))
    tifffile.imwrite(folder / "p_B12_0_labels.tif", discs(2))
    fields = [plate / "A" / "1", plate / "A" / "1" / "1", plate / "B" / "12" / "0"]
    images = [plate] if named == "plate" else fields
    found = corrections_of_files(images, labels=folder)
    assert [one.name for one in found] == ["p_A01_1", "p_B12_0"]
    assert [one.reviewed.size for one in found] == [1, 2]
    for one, own in zip(found, pixels[1:], strict=True):
        np.testing.assert_array_equal(one.image, own)
