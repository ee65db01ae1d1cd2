"""Suggestions on shapes whose right division is plain."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_pmrnet.evaluation.suggestions import (
    needed,
    precision_and_recall,
    right,
)
from napari_pmrnet.proofreading.suggestions import FEATURES, contacts, suggest
from napari_pmrnet.segmentation.objects import FEATURES as OBJECT_FEATURES
from napari_pmrnet.training.calibrate import fit_suggestions

ROUND_IS_SURE = {
    **dict.fromkeys(OBJECT_FEATURES, 0.0),
    "roundness": 60.0,
    "log_elongation": -6.0,
    "intercept": -56.0,
}


def disc(y: float, x: float, radius: float) -> np.ndarray:
    ys, xs = np.mgrid[:80, :120]
    return np.hypot(ys - y, xs - x) < radius


def truth() -> np.ndarray:
    """A disc, and two that touch."""
    labels = np.zeros((80, 120), np.int32)
    labels[disc(25, 25, 15)] = 1
    labels[disc(40, 70, 14)] = 2
    labels[disc(40, 97, 14) & (labels == 0)] = 3
    return labels


def found() -> np.ndarray:
    """The disc in two halves, the two as one."""
    labels = np.where(truth() > 1, 2, 0).astype(np.int32)
    x = np.arange(120)[None]
    labels[(truth() == 1) & (x < 25)] = 1
    labels[(truth() == 1) & (x >= 25)] = 3
    return labels


def maps() -> dict[str, np.ndarray]:
    gate = np.zeros((80, 120), np.float32)
    gate[:, 83:85] = 1
    even = np.full(gate.shape, 0.9, np.float32)
    return {"probability": even, "certainty": even, "boundary": gate}


FLOWS = np.ones((2, 80, 120), np.float32)


def test_halves_are_to_be_merged_and_a_pair_to_be_split() -> None:
    suggestions = suggest(found(), maps(), FLOWS, ROUND_IS_SURE)
    table = suggestions.table
    assert sorted(table["kind"]) == ["merge", "split"]
    assert (table["score"] > 0.6).all()
    merge = table[table["kind"] == "merge"].iloc[0]
    assert (merge["label"], merge["other"], merge["gate"]) == (1, 3, 0)
    split = table[table["kind"] == "split"].iloc[0]
    assert split["label"] == 2 and split["gate"] == 1 and len(split["parts"]) == 2
    assert ((suggestions.parts > 0) == (found() == 2)).all()
    assert right(suggestions, found(), truth()).all()
    assert needed(found(), truth()) == (1, 1)


def test_the_truth_needs_nothing() -> None:
    suggestions = suggest(truth(), maps(), FLOWS, ROUND_IS_SURE)
    assert suggestions.table["kind"].tolist() == ["merge"]
    assert suggestions.table["score"].iloc[0] < 0.5
    assert not right(suggestions, truth(), truth()).any()
    assert needed(truth(), truth()) == (0, 0)


def test_no_nuclei_no_suggestions() -> None:
    empty = np.zeros((80, 120), np.int32)
    suggestions = suggest(empty, maps(), FLOWS, ROUND_IS_SURE)
    assert suggestions.table.empty and not suggestions.parts.any()
    assert right(suggestions, empty, truth()).shape == (0,)


def test_scores_are_the_fitted_logistic() -> None:
    weights = {name: 0.1 * i for i, name in enumerate(FEATURES)} | {"intercept": -0.2}
    coefficients = {"merge": weights, "split": None}
    table = suggest(found(), maps(), FLOWS, ROUND_IS_SURE, coefficients).table
    merge = table[table["kind"] == "merge"].iloc[0]
    score = sum(weights[name] * merge[name] for name in FEATURES) - 0.2
    assert merge["score"] == pytest.approx(1 / (1 + np.exp(-score)))
    assert (table[table["kind"] == "split"]["score"] == 0).all()


def test_fitted_scores_tell_right_from_wrong() -> None:
    pairs = [(found(), truth()), (truth(), truth())] * 3
    cases = [
        (true, SimpleNamespace(labels=labels, maps=maps() | {"pgrf": 0}, flows=FLOWS))
        for labels, true in pairs
    ]
    of_pixels = {"intercept": 0.0, "pgrf": 0.0, "log_odds": 0.0, "boundary": 0.0}
    fitted = fit_suggestions(cases, of_pixels, ROUND_IS_SURE)
    assert fitted["split"] is None and set(fitted["merge"]) == {*FEATURES, "intercept"}
    for labels, good in ((found(), True), (truth(), False)):
        table = suggest(labels, maps(), FLOWS, ROUND_IS_SURE, fitted).table
        merges = table[table["kind"] == "merge"]
        assert ((merges["score"] > 0.5) == good).all()
    assert fit_suggestions(cases, of_pixels, None) is None


def test_contacts_count_the_length_of_a_border() -> None:
    labels = np.zeros((30, 30), int)
    labels[5:25, 5:15], labels[5:25, 15:25] = 2, 1
    image = np.zeros((30, 30))
    image[:, 14] = 0.5
    found_ = contacts(labels, image)
    assert (found_.first.tolist(), found_.second.tolist()) == ([1], [2])
    assert found_.length[0] == pytest.approx(20, rel=0.05)
    assert found_.mean[0] == 0.5


def test_contacts_in_every_direction() -> None:
    labels = np.array([[1, 1, 0, 5], [2, 0, 4, 0], [0, 3, 0, 0]])
    for seen in (labels, labels[:, ::-1]):
        found_ = contacts(seen, np.zeros(seen.shape))
        pairs = list(zip(found_.first.tolist(), found_.second.tolist(), strict=True))
        assert pairs == [(1, 2), (1, 4), (2, 3), (3, 4), (4, 5)]


def test_precision_falls_as_recall_rises() -> None:
    suggestions = suggest(found(), maps(), FLOWS, ROUND_IS_SURE)
    answer = np.array([True, False])
    curve = precision_and_recall(
        [(suggestions.table, answer)], [needed(found(), truth())]
    )
    kinds = suggestions.table["kind"].tolist()
    assert curve.set_index("kind").loc[kinds[0], ["precision", "recall"]].tolist() == [
        1,
        1,
    ]
    assert curve.set_index("kind").loc[kinds[1], "precision"] == 0


def test_a_nucleus_in_two_pieces_is_to_be_split() -> None:
    labels = np.zeros((80, 120), np.int32)
    labels[disc(40, 30, 12) | disc(40, 90, 12)] = 1
    table = suggest(labels, maps(), FLOWS, ROUND_IS_SURE).table
    assert table["kind"].tolist() == ["split"] and table["gate"].tolist() == [1.0]
    assert table["score"].iloc[0] > 0.5
