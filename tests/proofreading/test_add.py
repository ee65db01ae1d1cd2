"""A nucleus from one click: what may never happen, and what is found in clear cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.add import Outlines, outlines_at
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.training.targets import gradient_flows

ACROSS = 18.0


def scene(
    seed: int, shape: tuple[int, int] = (70, 90), count: int = 6, labelled: int = 3
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """True discs of any size, of which some have labels; their image and maps."""
    rng = np.random.default_rng(seed)
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    truth = np.zeros(shape, np.int32)
    for number in range(1, count + 1):
        y, x = rng.uniform(0, shape[0]), rng.uniform(0, shape[1])
        inside = np.hypot(ys - y, xs - x) < rng.uniform(4, 12)
        truth[inside & (truth == 0)] = number
    labels = np.where(truth <= labelled, truth, 0).astype(np.int32)
    image = ndimage.gaussian_filter((truth > 0) * 100.0, 1) + rng.normal(0, 4, shape)
    seen = np.where(truth > labelled, 0.4, 0.95) * (truth > 0)
    maps = {
        "probability": ndimage.gaussian_filter(seen, 1).astype(np.float32),
        "boundary": rng.uniform(0, 0.3, shape).astype(np.float32),
    }
    return labels, image, maps, truth


def iou(found: Outlines, true: np.ndarray) -> float:
    whole = np.zeros(true.shape, bool)
    whole[found.box] = found.best()
    return (whole & true).sum() / (whole | true).sum()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    y=st.floats(-0.5, 69.4),
    x=st.floats(-0.5, 89.4),
    across=st.floats(1.0, 130.0),
    dragged=st.booleans(),
    seen=st.sampled_from(["maps", "image", "both"]),
)
def test_an_outline_is_one_piece_at_the_click_and_touches_no_label(
    seed, y, x, across, dragged, seen
) -> None:
    labels, image, maps, truth = scene(seed)
    before = labels.copy()
    known = {
        "maps": maps if seen != "image" else None,
        "flows": gradient_flows(truth) if seen == "both" else None,
        "image": image if seen != "maps" else None,
        "dragged": dragged,
    }
    at = round(y), round(x)
    if labels[at]:
        with pytest.raises(EditError, match="is there already"):
            outlines_at(labels, (y, x), across, **known)
        return
    try:
        found = outlines_at(labels, (y, x), across, **known)
    except EditError as error:
        assert "no room" in str(error)
        return
    again = outlines_at(labels, (y, x), across, **known)
    assert list(found.masks) == list(again.masks)
    assert np.array_equal(found.features, again.features)
    assert np.isfinite(found.features).all()
    assert np.array_equal(found.best(), again.best())
    rows, columns = found.box
    assert 0 <= rows.start < rows.stop <= 70 and 0 <= columns.start < columns.stop <= 90
    for mask in found.masks.values():
        assert mask.shape == labels[found.box].shape
        assert mask[at[0] - rows.start, at[1] - columns.start]
        assert ndimage.label(mask)[1] == 1
        assert not labels[found.box][mask].any()
    assert (labels == before).all()


@pytest.mark.parametrize("seen", ["maps", "image", "both"])
@pytest.mark.parametrize("bright", [True, False])
@pytest.mark.parametrize("radius", [5, 9, 13])
def test_a_clear_nucleus_is_outlined(seen, bright, radius) -> None:
    ys, xs = np.mgrid[:80, :80]
    true = np.hypot(ys - 40, xs - 38) < radius
    image = ndimage.gaussian_filter(true * 50.0, 1) * (1 if bright else -1) + 100
    probability = ndimage.gaussian_filter(0.45 * true, 1).astype(np.float32)
    maps = {"probability": probability, "boundary": np.zeros((80, 80), np.float32)}
    labels = np.zeros((80, 80), np.int32)
    found = outlines_at(
        labels,
        (41, 39.5),
        ACROSS,
        maps=None if seen == "image" else maps,
        image=None if seen == "maps" else image,
    )
    assert iou(found, true) > 0.7


def test_a_drag_tells_one_from_the_pair() -> None:
    ys, xs = np.mgrid[:80, :80]
    small = np.hypot(ys - 40, xs - 40) < 6
    halo = np.hypot(ys - 40, xs - 40) < 15
    image = ndimage.gaussian_filter(20.0 * halo + 20.0 * small, 1)
    labels = np.zeros((80, 80), np.int32)
    for true, across in ((small, 12.0), (halo, 30.0)):
        found = outlines_at(labels, (40, 40), across, image=image, dragged=True)
        assert iou(found, true) > 0.7


def test_large_nuclei_are_found_in_coarser_pixels() -> None:
    ys, xs = np.mgrid[:400, :401]
    true = np.hypot(ys - 201, xs - 198) < 70
    image = ndimage.gaussian_filter(true * 50.0, 3)
    found = outlines_at(np.zeros((400, 401), np.int32), (198, 203), 140.0, image=image)
    assert iou(found, true) > 0.9


def test_the_proposal_at_the_click_is_a_candidate_as_it_is() -> None:
    labels, image, maps, truth = scene(3)
    proposals = np.where(truth == 5, 2, 0)
    y, x = np.argwhere(proposals)[len(np.argwhere(proposals)) // 2]
    found = outlines_at(labels, (y, x), ACROSS, maps=maps, proposals=proposals)
    part, _ = ndimage.label((proposals == 2) & (labels == 0))
    assert (found.masks["proposal"] == (part[found.box] == part[y, x])).all()
    beside = np.argwhere((labels == 0) & (proposals == 0))[0]
    found = outlines_at(labels, tuple(beside), ACROSS, maps=maps, proposals=proposals)
    assert "proposal" not in found.masks


def test_what_is_missing_is_said() -> None:
    labels = np.zeros((30, 30), np.int32)
    with pytest.raises(EditError, match="neither maps"):
        outlines_at(labels, (5, 5), ACROSS)
    with pytest.raises(EditError, match="neither maps"):
        outlines_at(labels, (5, 5), ACROSS, image=np.full((30, 30), 7.0))
    with pytest.raises(EditError, match="beside the image"):
        outlines_at(labels, (5, 31), ACROSS, image=np.eye(30))
    crowded = np.ones((30, 30), np.int32)
    crowded[5, 5] = 0
    with pytest.raises(EditError, match="no room"):
        outlines_at(crowded, (5, 5), ACROSS, image=np.eye(30))


def test_a_review_adds_with_the_next_number_and_by_the_size_it_knows() -> None:
    labels, image, maps, truth = scene(1)
    certain = {**maps, "certainty": maps["probability"]}
    review = Review(Nuclei(labels, labels.copy(), certain, image=image))
    y, x = ndimage.center_of_mass(truth == 5)
    edit = review.add((y, x))
    number = int(labels.max()) + 1
    assert set(edit.values.tolist()) == {number}
    assert not labels[edit.ys, edit.xs].any()
    labels[edit.ys, edit.xs] = edit.values
    change = review.follow(edit.box)
    assert change.made == {number}
    flags = review.flags().loc[number]
    assert flags["reviewed"] and flags["edited"] and 0 < flags["certainty"] < 1
    assert review.course.undo().painted


def test_without_any_nucleus_a_drag_has_to_give_the_size() -> None:
    labels, image, _, truth = scene(1, labelled=0)
    review = Review(Nuclei(labels, labels.copy(), image=image))
    y, x = ndimage.center_of_mass(truth == 5)
    with pytest.raises(EditError, match="Drag over this one"):
        review.add((y, x))
    area = (truth == 5).sum()
    assert len(review.add((y, x), float(np.sqrt(4 / np.pi * area))).values) > area / 2
