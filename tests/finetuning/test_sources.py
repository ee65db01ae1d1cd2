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

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.label_files import label_files
from napari_pmrnet.finetuning.sources import corrections_of_files
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
    assert label_files(images[:1], tmp_path) == {
        images[0]: tmp_path / "cells_labels.tif"
    }


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
    assert label_files(images, folder) == {
        image: folder / f"{image.name}_labels.tif" for image in images
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
