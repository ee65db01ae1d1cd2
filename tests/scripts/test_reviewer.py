"""The simulated reviewer: what it can mend it mends, and it counts."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from lib.reviewer import Reviewer, places_needed, snap_trials, split_trials
from skimage.segmentation import find_boundaries

from napari_pmrnet.models.card import new_card
from napari_pmrnet.segmentation.postprocess import Missed


def true_nuclei() -> np.ndarray:
    """Six discs, two of which touch."""
    y, x = np.mgrid[:100, :150]
    truth = np.zeros((100, 150), np.int32)
    centres = [(25, 25), (25, 48), (25, 110), (70, 25), (70, 70), (70, 115)]
    for number, (cy, cx) in enumerate(centres, start=1):
        truth[(np.hypot(y - cy, x - cx) < 12) & (truth == 0)] = number
    return truth


def faulty(truth: np.ndarray) -> np.ndarray:
    """1 and 2 joined, 3 cut in two, 4 missed, 5 too large, 6 right, 9 invented."""
    y, x = np.mgrid[:100, :150]
    labels = np.where(truth == 2, 1, truth)
    labels[(truth == 3) & (x > 110)] = 8
    labels[truth == 4] = 0
    labels[np.hypot(y - 70, x - 70) < 17] = 5
    labels[45:52, 130:140] = 9
    return labels.astype(np.int32)


def found(labels: np.ndarray, truth: np.ndarray) -> SimpleNamespace:
    wrong = ~np.isin(labels, [6])
    certainty = np.where(wrong, 0.2, 0.9).astype(np.float32)
    missed = np.where(truth == 4, 1, 0).astype(np.int32)
    missed[5:9, 70:74] = 2
    table = pd.DataFrame({"label": [1, 2], "certainty": [0.7, 0.1], "area": [440, 16]})
    table["dropped"] = False
    maps = {
        "certainty": certainty,
        "boundary": find_boundaries(truth).astype(np.float32),
    }
    return SimpleNamespace(
        labels=labels,
        maps=maps,
        flows=None,
        model=SimpleNamespace(card=new_card(("probability",))),
        missed=lambda: Missed(missed, table),
    )


def test_trials_on_a_perfect_gate() -> None:
    truth = true_nuclei()
    gate = find_boundaries(truth).astype(np.float32)
    assert all(iou > 0.9 for iou in split_trials(truth, gate))
    trials = list(snap_trials(truth, gate))
    assert {kind for kind, _, _ in trials} == {"dilated", "eroded", "shifted"}
    assert all(before < 0.8 for _, before, _ in trials)
    assert np.median([after for _, _, after in trials]) > 0.9


def test_a_full_review_mends_everything() -> None:
    truth = true_nuclei()
    reviewer = Reviewer([(truth, found(faulty(truth), truth))])
    places = reviewer.places()
    assert len(places) == 8 and places["number"].iloc[-2] == 6
    curve = list(reviewer.work(places))
    assert curve[0].precision == pytest.approx(1 / 11)
    assert curve[-1].precision == 1
    assert len(curve) == 9 and curve[-1].gestures > 8
    assert [step.places for step in curve] == list(range(9))
    steps = np.diff([step.precision for step in curve])
    assert (steps >= 0).all() and steps[-1] == 0


def test_a_right_segmentation_takes_one_gesture_a_place() -> None:
    truth = true_nuclei()
    right = found(truth.copy(), truth)
    right.missed = lambda: None
    reviewer = Reviewer([(truth, right)])
    curve = list(reviewer.work(reviewer.places()))
    assert curve[-1] == (6, 6, 1.0)
    assert (reviewer.reviews[0].nuclei.labels == truth).all()


@pytest.mark.parametrize("adds", ["click", "brush"])
def test_nuclei_that_nothing_proposes_are_added_after_the_queue(adds: str) -> None:
    truth = true_nuclei()
    labels = np.where(truth == 4, 0, truth).astype(np.int32)
    here = found(labels, truth)
    here.missed = lambda: None
    here.maps["probability"] = np.where(truth > 0, 0.4, 0).astype(np.float32)
    without = list(Reviewer([(truth, here)]).work(Reviewer([(truth, here)]).places()))
    reviewer = Reviewer([(truth, here)], adds=adds)
    curve = list(reviewer.work(reviewer.places()))
    assert without[-1].precision == pytest.approx(5 / 6)
    assert curve[-1].precision == 1 and curve[-1].places == without[-1].places + 1
    assert curve[-1].gestures - without[-1].gestures in (2, 3)


def test_share_of_the_places_needed() -> None:
    curve = [SimpleNamespace(precision=v) for v in (0.5, 0.6, 0.9, 1.0, 1.0)]
    assert places_needed(curve) == 0.5
    assert places_needed(curve, 1.0) == 0.75
