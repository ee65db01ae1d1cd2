"""Looks at an image: which are taken, which is believed, and what they cost."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_pmrnet.models import Model
from napari_pmrnet.segmentation import diameter_estimate
from napari_pmrnet.segmentation.diameter import LARGE, SMALL
from napari_pmrnet.segmentation.diameter_estimate import DiameterEstimate, estimate_at
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.scale import choose_scale

from .conftest import looks


def test_a_look_has_thresholds_of_its_own(
    echo: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that another default does not change the scale chosen for an image."""
    seen = []
    real = diameter_estimate.label_nuclei
    monkeypatch.setattr(
        diameter_estimate, "label_nuclei", lambda *a: seen.append(a[2]) or real(*a)
    )
    diameter_estimate.estimate_at(echo, np.zeros((3, 64, 64), np.float32), 0.5)
    assert (seen[0].probability_threshold, seen[0].seed_threshold) == (0.6, 0.6)
    assert seen[0].min_area == 80


def test_the_most_trusted_estimate_of_a_known_size_is_believed(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0.25: (0.9, 260.0), 0.5: (0.29, 55.0), 1.0: (0.2, 9.0), 2.0: (0.1, 8.0)}
    looks(monkeypatch, told)
    planes = np.zeros((3, 600, 600), np.float32)
    scale, diameter, _ = run_to_end(choose_scale(sized, planes, None))
    assert diameter == 55 and scale == pytest.approx(LARGE / 55)
    del told[0.5]
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (SMALL / 9, 9)
    del told[1.0]
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (SMALL / 8, 8)
    del told[2.0]
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (LARGE / 260, 260)
    told.clear()
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (1, None)


def test_the_first_look_that_is_trusted_ends_the_search(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0.25: (0.34, 80.0), 0.5: (0.35, 16.0), 1.0: (0.9, 9.0)}
    asked = looks(monkeypatch, told)
    planes = np.zeros((3, 600, 600), np.float32)
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (SMALL / 16, 16)
    assert asked == [0.125, 0.25, 0.5]


def test_the_look_from_furthest_away_has_to_be_trusted_more(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0.125: (0.49, 90.0), 0.25: (0.35, 40.0)}
    asked = looks(monkeypatch, told)
    planes = np.zeros((3, 4000, 600), np.float32)
    assert run_to_end(choose_scale(sized, planes, None)).diameter == 90
    assert asked == [0.125, 0.25]
    told[0.125] = (0.5, 90.0)
    asked.clear()
    assert run_to_end(choose_scale(sized, planes, None)).diameter == 90
    assert asked == [0.125]


def test_an_image_seen_whole_is_looked_at_again_at_the_scale_of_its_nuclei(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = np.zeros((3, 300, 300), np.float32)
    monkeypatch.setattr(diameter_estimate, "LOOK_SIDE", 10)
    told = {0.25: (0.4, 40.0), LARGE / 40: (0.36, 25.0)}
    asked = looks(monkeypatch, told)
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (1, 25)
    assert asked == [0.25, LARGE / 40]
    told[LARGE / 40] = (0.34, 25.0)  # trusted too little to be believed, but told of
    chosen = run_to_end(choose_scale(sized, planes, None))
    assert chosen == (LARGE / 40, 40, 25)
    asked.clear()
    run_to_end(choose_scale(sized, np.zeros((3, 300, 3000), np.float32), None))
    assert LARGE / 40 not in asked


def test_a_coarse_look_takes_means_and_tells_pixels_of_the_image(
    echo: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        diameter_estimate,
        "label_nuclei",
        lambda probability, *_: (probability > 0.5).astype(np.int32),
    )
    rows, columns = np.mgrid[:520, :611]
    disc = np.hypot(rows - 250, columns - 300) < 100
    planes = np.broadcast_to(disc.astype(np.float32), (3, *disc.shape))
    looks = [diameter_estimate.estimate_at(echo, planes, s) for s in (0.125, 0.25, 0.5)]
    assert [look.prediction is None for look in looks] == [True, True, False]
    found = [look.diameter for look in looks]
    np.testing.assert_allclose(found, 200, rtol=0.05)
    part = diameter_estimate.block_mean(planes, 4)
    assert part.shape == (3, 130, 152)
    np.testing.assert_allclose(
        part[:, 37, 60], planes[:, 148:152, 240:244].mean((1, 2))
    )


@pytest.mark.parametrize("shape", [(3, 4000), (2000, 1), (2, 70)])
def test_images_thinner_than_the_squares_of_a_look_are_looked_at(
    echo: Model, shape: tuple[int, int]
) -> None:
    planes = np.random.default_rng(0).random((3, *shape), np.float32)
    assert run_to_end(choose_scale(echo, planes, None)).scale > 0


def test_small_images_are_not_looked_at_coarsely(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = looks(monkeypatch, {})
    planes = np.zeros((3, 90, 130), np.float32)
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (1, None)
    assert set(asked) == {0.5, 1.0, 2.0}


def test_where_nothing_is_found_two_more_parts_are_looked_at(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = looks(monkeypatch, {})
    planes = np.zeros((3, 64, 400), np.float32)
    run_to_end(choose_scale(sized, planes, None))
    assert asked.count(1.0) == 3


def test_trust_falls_with_flows_that_lead_elsewhere(
    echo: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = np.stack(np.mgrid[:64, :64]).astype(np.float32) - 31.5
    length = np.maximum(np.hypot(*place), 1)
    probability = np.where(length < 10, 0.98, 0.02)
    maps = {"probability": probability, "boundary": 0 * probability}

    def maps_of(flows: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(maps=maps | {"flow_y": flows[0], "flow_x": flows[1]})

    def seen(flows: np.ndarray) -> DiameterEstimate:
        monkeypatch.setattr(diameter_estimate, "predict", lambda *_, **__: iter(()))
        monkeypatch.setattr(diameter_estimate, "run_to_end", lambda _: maps_of(flows))
        return estimate_at(echo, np.zeros((3, 64, 64)), 1.0)

    right = seen(-place / length)
    weak = seen(-0.3 * place / length)
    assert right.diameter == pytest.approx(20, rel=0.05)
    assert right.trust > 2 * weak.trust > 0
    assert seen(np.zeros_like(place)).trust < 0.1 * right.trust
