"""Scores count only what is known."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.finetuning import score as score_module
from napari_pmrnet.finetuning.corrections import UNKNOWN, Corrections
from napari_pmrnet.finetuning.score import ROWS, known_part, score


@given(arrays(np.int32, (6, 7), elements=st.integers(0, 3)), arrays(bool, (6, 7)))
def test_a_label_counts_if_more_than_half_of_it_is_known(found, known) -> None:
    kept = known_part(found, known)
    for label in range(1, 4):
        here = found == label
        wanted = 2 * (here & known).sum() > here.sum()
        assert ((kept == label) == (here & wanted)).all()
    assert not kept[found == 0].any()


@pytest.fixture
def truth() -> np.ndarray:
    labels = np.zeros((20, 40), np.int32)
    labels[2:8, 2:8], labels[2:8, 12:18], labels[2:8, 30:36] = 1, 2, 3
    return labels


@pytest.fixture
def marks(monkeypatch, model):
    """Scores of labels that are found where others are right."""

    def of(found: np.ndarray, right: np.ndarray) -> dict[str, float]:
        result = SimpleNamespace(labels=found)
        monkeypatch.setattr(score_module, "segment", lambda *_, **__: result)
        one = Corrections("a", np.zeros(right.shape), right, np.array([1]))
        return score(model, [one, one])

    return of


def test_right_labels_score_one(marks, truth) -> None:
    assert marks(truth, truth) == dict.fromkeys(ROWS, 1.0)


def test_what_is_found_where_nothing_is_known_is_no_fault(marks, truth) -> None:
    partly = truth.copy()
    partly[:, 25:] = UNKNOWN
    assert marks(truth, partly) == dict.fromkeys(ROWS, 1.0)
    found = truth.copy()
    found[12:18, 2:8] = 4
    scores = marks(found, partly)
    assert scores["AP0.5"] == pytest.approx(2 / 3) and scores["Dice"] < 1


def test_a_missed_nucleus_counts(marks, truth) -> None:
    scores = marks(np.where(truth == 3, 0, truth), truth)
    assert scores["AP0.5"] == scores["AP0.75"] == pytest.approx(2 / 3)
    assert scores["Dice"] == pytest.approx(4 / 5)
