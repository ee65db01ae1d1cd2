"""What is known of a reviewed image, what is held back, and how that is scored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError
from napari_pmrnet.finetuning.corrections import (
    AROUND,
    UNKNOWN,
    Corrections,
    corrections_of,
    known_labels,
)
from napari_pmrnet.finetuning.holdout import divide
from napari_pmrnet.finetuning.score import known_part
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.training.data import make_sample
from napari_pmrnet.training.loss import LossWeights, total_loss
from napari_pmrnet.training.targets import assemble

TWO = np.zeros((40, 60), np.int32)
TWO[10:20, 5:15] = 1
TWO[10:20, 40:50] = 2


def test_a_reviewed_nucleus_and_what_lies_around_it_is_known() -> None:
    known = known_labels(TWO, np.array([1]))
    assert (known[TWO == 1] == 1).all()
    assert known[15, 15 + AROUND - 1] == 0 and known[15, 15 + AROUND + 1] == UNKNOWN
    assert (known[TWO == 2] == UNKNOWN).all()


def test_certain_background_is_known_but_not_beside_a_doubtful_nucleus() -> None:
    known = known_labels(TWO, np.array([1]), certainty=np.ones(TWO.shape))
    assert known[35, 30] == 0
    assert (known[TWO == 2] == UNKNOWN).all() and known[15, 39] == UNKNOWN


def test_a_nucleus_that_the_model_is_certain_of_is_known() -> None:
    known = known_labels(TWO, np.array([1]), sure=np.array([2]))
    assert (known[TWO == 2] == 2).all()


def test_what_was_deleted_is_known_to_be_background() -> None:
    labels = np.where(TWO == 2, 0, TWO)
    known = known_labels(labels, np.array([1]), original=TWO)
    assert (known[TWO == 2] == 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 6))
def test_no_unreviewed_nucleus_is_ever_taught(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.integers(0, 6, (6, 6)), np.ones((5, 5), int)).astype(np.int32)
    reviewed = rng.choice(np.arange(1, 6), min(count, 5), replace=False)
    certainty = rng.random(labels.shape)
    known = known_labels(labels, reviewed, certainty=certainty)
    assert set(np.unique(known)) <= {UNKNOWN, 0, *reviewed.tolist()}
    mine = np.isin(labels, reviewed)
    np.testing.assert_array_equal(known[mine], labels[mine])
    assert not ((known == 0) & (labels > 0)).any()


def test_a_review_of_nothing_teaches_nothing() -> None:
    flags = pd.DataFrame({"reviewed": [False, False]}, index=[1, 2])
    with pytest.raises(DataError, match="'cells': no nucleus was accepted"):
        corrections_of("cells", TWO, TWO, flags)
    with pytest.raises(DataError, match="'cells': its labels have shape"):
        corrections_of("cells", TWO[:5], TWO, flags.assign(reviewed=True))


def test_corrections_come_back_from_disk(tmp_path: Path) -> None:
    one = Corrections("a b", TWO.astype(np.uint16), TWO, np.array([1]))
    one.save(tmp_path / "c.npz")
    back = Corrections.load(tmp_path / "c.npz")
    assert back.name == "a b" and back.image.dtype == np.uint16
    np.testing.assert_array_equal(back.labels, TWO)
    (tmp_path / "c.npz").write_bytes(b"PK broken")
    with pytest.raises(DataError, match="holds no corrections"):
        Corrections.load(tmp_path / "c.npz")


@pytest.mark.parametrize("images", [1, 2, 5])
def test_a_fifth_is_held_back_and_never_learned_from(
    corrected: list[Corrections], images: int
) -> None:
    some = (corrected * 3)[:images]
    division = divide(some)
    assert division.apart and division.learned and division.held_back
    learned = sum(one.reviewed.size for one in division.learned)
    back = sum(one.reviewed.size for one in division.held_back)
    assert 0.1 < back / (learned + back) < 0.5
    for one in division.held_back:
        for other in division.learned:
            if one.image is other.image and images < 3:
                both = (one.labels != UNKNOWN) & (other.labels != UNKNOWN)
                assert not both.any()


def test_a_nucleus_cut_by_a_piece_is_unknown_on_both_sides(
    corrected: list[Corrections],
) -> None:
    middle = corrected[0]
    labels = np.zeros_like(middle.labels)
    labels[40:60, 80:112] = 1
    labels[10:30, 10:30], labels[150:170, 150:170] = 2, 3
    division = divide([replace(middle, labels=labels, reviewed=np.array([1, 2, 3]))])
    for one in (*division.learned, *division.held_back):
        whole = (one.labels == 1).sum() == (labels == 1).sum()
        assert whole == (1 in one.reviewed) == (1 in one.labels)


def test_one_nucleus_alone_is_learned_from_and_scored_with() -> None:
    division = divide([Corrections("one", TWO, TWO, np.array([1]))])
    assert not division.apart and division.learned == division.held_back


def test_what_is_found_in_the_unknown_is_not_counted() -> None:
    known = np.zeros(TWO.shape, bool)
    known[:, :44] = True
    kept = known_part(TWO, known)
    assert set(np.unique(kept)) == {0, 1}
    known[:, :47] = True
    assert set(np.unique(known_part(TWO, known))) == {0, 1, 2}
    assert known_part(np.zeros((4, 4), int), np.ones((4, 4), bool)).max() == 0


def test_unknown_pixels_take_no_part_in_the_loss() -> None:
    torch.manual_seed(0)
    labels = torch.from_numpy(np.where(TWO == 2, UNKNOWN, TWO)[None, None]).float()
    zeros = torch.zeros_like(labels)
    target = assemble(labels, zeros, zeros.repeat(1, 2, 1, 1))
    assert target.shape[1] == 6
    logits = torch.randn(1, 3, *TWO.shape)
    names = ("probability", "flow_y", "flow_x")
    loss, _ = total_loss(PMRNetOutput(logits), target, names, LossWeights())
    logits[:, :, torch.from_numpy(TWO == 2)] += 50
    again, _ = total_loss(PMRNetOutput(logits), target, names, LossWeights())
    torch.testing.assert_close(loss, again)
    logits[..., 30, 2] += 5
    other, _ = total_loss(PMRNetOutput(logits), target, names, LossWeights())
    assert other > loss


def test_a_sample_has_no_targets_where_nothing_is_known() -> None:
    labels = np.where(TWO == 2, UNKNOWN, TWO)
    sample = make_sample(TWO * 100, labels)
    assert (sample.labels[0].numpy()[TWO == 2] == UNKNOWN).all()
    assert sample.distance[0].numpy()[TWO == 2].max() == 0


@pytest.mark.parametrize("number", [-1, 1 << 31])
def test_labels_that_training_would_mistake_are_refused(number: int) -> None:
    labels = np.where(TWO == 2, number, TWO.astype(np.int64))
    flags = pd.DataFrame({"reviewed": [True]}, index=[1])
    with pytest.raises(DataError, match=f"'cells': label {number} is"):
        corrections_of("cells", TWO, labels, flags)


def test_the_largest_label_is_a_sample_like_any_other() -> None:
    image = np.random.default_rng(0).integers(0, 255, TWO.shape, np.uint8)
    far = np.where(TWO == 2, np.iinfo(np.int32).max, np.where(TWO == 0, UNKNOWN, TWO))
    near = np.where(TWO == 0, UNKNOWN, TWO)
    found, expected = make_sample(image, far), make_sample(image, near)
    for part in ("image", "labels", "distance", "flows", "scale"):
        assert np.array_equal(getattr(found, part), getattr(expected, part))
