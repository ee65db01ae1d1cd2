"""Journals that are found again, set aside, and never taken for another image's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_pmrnet.errors import DataError
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import available_models, card_with, find_weights
from napari_pmrnet.plugin.review.persistence import (
    Subject,
    look_for_journal,
    open_folder,
    prepare,
)
from napari_pmrnet.proofreading.journal import ENDING


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50), np.uint8)
    file = tmp_path / "cells.tif"
    file.touch()
    return Subject(pixels, file)


def test_an_image_is_known_by_its_pixels_and_a_plane_by_its_title(subject) -> None:
    other = subject.data.copy()
    other[0, 0] ^= 1
    known = {
        subject.fingerprint(),
        replace(subject, plane="z=1").fingerprint(),
        replace(subject, plane="z=2").fingerprint(),
        replace(subject, data=other).fingerprint(),
    }
    assert len(known) == 4
    assert replace(subject, file=None).fingerprint() in known


def test_journals_of_planes_lie_beside_the_file_under_other_names(subject) -> None:
    image = subject.fingerprint()
    paths = [replace(subject, plane=p).journal(image) for p in ("", "z=1", "z=2")]
    assert len(set(paths)) == 3
    assert {path.parent for path in paths} == {subject.file.parent}
    assert all(path.name.startswith("cells.tif") for path in paths)


def test_a_subject_of_a_layer_has_its_file_only_if_that_is_there() -> None:
    layer = Image(np.zeros((4, 5, 3), np.uint8), rgb=True)
    subject = Subject.of(layer, "t=1")
    assert (subject.file, subject.plane, subject.rgb) == (None, "t=1", True)


def test_a_journal_that_is_none_is_said(subject) -> None:
    found = look_for_journal(subject)
    assert found.journal is None and found.fault == ""
    found.path.write_text("no journal\n")
    found = look_for_journal(subject)
    assert found.journal is None and str(found.path) in found.fault


def test_a_review_of_a_copy_with_the_brightness_of_the_image(subject) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[5:9, 5:9] = 1
    ready = prepare(labels, None, subject)
    mean = subject.data[5:9, 5:9].mean()
    assert ready.review.nuclei.table["intensity"].tolist() == pytest.approx([mean])
    assert ready.found.image == subject.fingerprint()
    small = replace(subject, data=subject.data[:10, :10])
    assert prepare(labels, None, small).review.nuclei.table["intensity"].isna().all()
    assert prepare(labels, None, None).found is None


def test_a_model_is_found_by_the_hash_of_its_weights(
    library: Path,
) -> None:
    shipped = read_card(find_weights("nuclei"))
    assert card_with(shipped.sha256) == shipped
    assert card_with("0" * 64) is None and card_with(None) is None
    library.mkdir(parents=True)
    (library / "aaa.safetensors").touch()
    assert "aaa" in available_models()
    assert card_with("0" * 64) is None, "a model without a card hides no other"


def test_another_folder_holds_no_review(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path.name)):
        open_folder(tmp_path)


def test_the_journal_of_an_image_file_lies_beside_it(tmp_path: Path) -> None:
    subject = Subject.of(Image(np.ones((4, 4))))
    assert subject.file is None
    file = tmp_path / "cells.png"
    file.write_bytes(b"")
    beside = Subject(np.ones((4, 4)), file, "z=2")
    assert beside.journal(beside.fingerprint()).name == f"cells.png z=2{ENDING}"
    assert beside.fingerprint() != Subject(np.ones((4, 4)), file).fingerprint()
