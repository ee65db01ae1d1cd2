"""The scale the network works at: from diameters, from a first look, and back."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk
from torch import nn

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models import Model
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.network.pmrnet import Gates
from napari_pmrnet.segmentation import diameter as diameter_module
from napari_pmrnet.segmentation.diameter import (
    LARGE,
    LEAST_SCALE,
    MOST_SCALE,
    SMALL,
    DiameterEstimate,
    choose_scale,
    estimate_at,
    likely_tiles,
    liveliest_boxes,
    overview_of,
    typical_diameter,
    weighted_median,
    working_scale,
)
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import predict, run_to_end


@pytest.mark.parametrize("side", [100, 700])
@pytest.mark.parametrize("diameter", [None, 40.0])
def test_tiles_that_are_made_ready_are_those_that_are_used(side, diameter) -> None:
    """Of an image whose nuclei have the size that the network works at."""

    class Told(Model):
        def begin(self, tiles, extra=False, size=None, flips=False):
            used.append((size, True))
            return super().begin(tiles, extra, size, flips)

        def predict_tiles(self, tiles, extra=False, size=None, flips=False):
            used.append((size, False))
            return super().predict_tiles(tiles, extra, size, flips)

    used: list[object] = []
    model = load_model("nuclei", "cpu")
    model = Told(model.name, model.card, model.weights, model.device)
    image, _ = make_fluorescence((side, side), seed=1)
    segment(image, Settings(diameter=diameter), model)
    ready = likely_tiles(model, (side, side), diameter)
    assert set(used) <= set(ready) and len(ready) <= len(set(used)) + 2


@given(st.floats(1, 2000))
@settings(deadline=None)
def test_nuclei_come_to_the_working_range(diameter: float) -> None:
    scale = working_scale(diameter)
    assert LEAST_SCALE <= scale <= MOST_SCALE
    if SMALL / MOST_SCALE <= diameter <= LARGE / LEAST_SCALE:
        assert SMALL - 1e-6 <= diameter * scale <= LARGE + 1e-6
    if SMALL <= diameter <= LARGE:
        assert scale == 1


def test_typical_diameter_is_that_of_the_median_nucleus() -> None:
    labels = np.zeros((100, 200), np.int32)
    for number, (x, radius) in enumerate([(20, 5), (60, 12), (120, 30)], start=3):
        labels[disk((50, x), radius)] = number
    assert typical_diameter(labels) == pytest.approx(24, rel=0.02)
    assert typical_diameter(labels * 0) is None


def test_the_liveliest_part_is_the_one_with_contrast() -> None:
    planes = np.zeros((3, 400, 500), np.float32)
    planes[:, 300:390:9, 210:260] = 1
    overview = overview_of(planes)
    first, *others = liveliest_boxes(overview, (400, 500), 128)
    part = planes[:, *first]
    assert part.shape == (3, 128, 128)
    assert part.std() > max(planes[:, *box].std() for box in others)
    whole = [(slice(0, 400), slice(0, 450))], [(slice(0, 400), slice(0, 500))]
    assert next(liveliest_boxes(overview, (400, 500), 450))[0] == whole[0][0][0]
    assert list(liveliest_boxes(overview, (400, 500), 999)) == whole[1]


def test_a_plane_and_its_pixels_are_looked_at_in_the_same_place() -> None:
    image = np.random.default_rng(0).integers(0, 99, (2300, 2200)).astype(np.uint8)
    image[1500:1600, 300:400] *= 2
    plane = Plane([image])
    boxes = [
        next(liveliest_boxes(overview_of(one), (2300, 2200), 300))
        for one in (plane, plane.prepared())
    ]
    for rows, columns in boxes:
        assert rows.start <= 1550 < rows.stop and columns.start <= 350 < columns.stop
        assert rows.stop - rows.start == columns.stop - columns.start == 300


def test_weighted_median() -> None:
    assert weighted_median(np.array([9.0, 1, 5]), np.array([1.0, 1, 1])) == 5
    assert weighted_median(np.array([9.0, 1, 5]), np.array([9.0, 1, 1])) == 9


class Echo(nn.Module):
    """A network whose probability is the first plane of what it sees."""

    def forward(self, images: torch.Tensor, maps: bool = False) -> PMRNetOutput:
        plane = images[:, :1].clamp(1e-4, 1 - 1e-4)
        logits = torch.cat([torch.logit(plane), 0 * plane, 0 * plane], dim=1)
        return PMRNetOutput(logits, plane, Gates(plane, plane, plane, plane))


@pytest.fixture(scope="session")
def sized(model: Model) -> Model:
    """The untrained network with a card that knows the size of nuclei."""
    return replace(model, card=model.card.updated(working_diameters=[SMALL, LARGE]))


@pytest.fixture(scope="session")
def echo(sized: Model) -> Model:
    return replace(sized, weights=Echo())


@given(st.floats(0.3, 3), st.floats(30, 60), st.floats(40, 90))
@settings(deadline=None, max_examples=25)
def test_maps_at_another_scale_stay_in_place(
    echo: Model, scale: float, y: float, x: float
) -> None:
    rows, columns = np.mgrid[:100, :130]
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 8**2))
    planes = np.broadcast_to(blob, (3, *blob.shape)).astype(np.float32)
    maps = run_to_end(predict(echo, planes, scale=scale)).maps
    seen = maps["probability"]
    assert seen.shape == blob.shape
    weight = np.where(seen > 0.2, seen, 0)
    centre = [(axis * weight).sum() / weight.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(centre, [y, x], atol=0.1)
    np.testing.assert_allclose(seen, blob, atol=0.1)


def test_no_scale_changes_nothing(echo: Model) -> None:
    plane = np.random.default_rng(0).random((90, 130), np.float32)
    maps = run_to_end(predict(echo, np.stack([plane] * 3))).maps
    np.testing.assert_allclose(maps["probability"], plane, atol=1e-3)


def test_a_look_has_thresholds_of_its_own(
    echo: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that another default does not change the scale chosen for an image."""
    seen = []
    real = diameter_module.label_nuclei
    monkeypatch.setattr(
        diameter_module, "label_nuclei", lambda *a: seen.append(a[2]) or real(*a)
    )
    diameter_module.estimate_at(echo, np.zeros((3, 64, 64), np.float32), 0.5)
    assert (seen[0].probability_threshold, seen[0].seed_threshold) == (0.6, 0.6)
    assert seen[0].min_area == 80


def looks(monkeypatch: pytest.MonkeyPatch, told: dict) -> list[float]:
    """Let looks see what is told by scale; the scales that are asked for."""
    asked: list[float] = []

    def look(model: Model, part: np.ndarray, scale: float) -> DiameterEstimate:
        asked.append(scale)
        return DiameterEstimate(scale, *told.get(scale, (0.0, None)))

    monkeypatch.setattr(diameter_module, "estimate_at", look)
    return asked


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
    monkeypatch.setattr(diameter_module, "LOOK_SIDE", 10)
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
        diameter_module,
        "label_nuclei",
        lambda probability, *_: (probability > 0.5).astype(np.int32),
    )
    rows, columns = np.mgrid[:520, :611]
    disc = np.hypot(rows - 250, columns - 300) < 100
    planes = np.broadcast_to(disc.astype(np.float32), (3, *disc.shape))
    looks = [diameter_module.estimate_at(echo, planes, s) for s in (0.125, 0.25, 0.5)]
    assert [look.prediction is None for look in looks] == [True, True, False]
    found = [look.diameter for look in looks]
    np.testing.assert_allclose(found, 200, rtol=0.05)
    part = diameter_module.block_mean(planes, 4)
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


def test_a_look_that_disagrees_is_told_of(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0.25: (0.2, 80.0), 0.5: (0.25, 50.0), 1.0: (0.35, 16.0)}
    looks(monkeypatch, told)
    planes = np.zeros((3, 600, 600), np.float32)
    chosen = run_to_end(choose_scale(sized, planes, None))
    assert (chosen.diameter, chosen.other) == (16, 50)
    assert "could be 50" in " ".join(chosen.notes())
    told[0.5] = told[0.25] = (0.14, 80.0)
    chosen = run_to_end(choose_scale(sized, planes, None))
    assert chosen.other is None and not chosen.notes()


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


def test_a_look_at_nearly_the_scale_of_the_image_serves_for_it(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        diameter_module,
        "estimate_diameter",
        lambda model, image, whole: iter_nothing(whole, 66.0),
    )
    planes = np.zeros((3, 64, 64), np.float32)
    assert run_to_end(choose_scale(sized, planes, None, {}))[:2] == (0.5, 66)
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (LARGE / 66, 66)


def iter_nothing(whole: dict | None, diameter: float):
    """Steps of an estimate that saw the whole image at half its size."""
    yield from ()
    if whole is not None:
        whole[0.5] = whole[0.25] = "maps"
    return diameter, None


def test_a_model_that_knows_no_sizes_sees_images_as_they_are(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        diameter_module, "estimate_at", lambda *_: pytest.fail("looked")
    )
    planes = np.zeros((3, 60, 60), np.float32)
    assert run_to_end(choose_scale(model, planes, None))[:2] == (1, None)
    assert run_to_end(choose_scale(model, planes, 10.0))[:2] == (1, 10)


def test_a_given_diameter_needs_no_estimate(sized: Model, monkeypatch) -> None:
    monkeypatch.setattr(
        diameter_module, "estimate_at", lambda *_: pytest.fail("looked")
    )
    planes = np.zeros((3, 60, 60), np.float32)
    assert run_to_end(choose_scale(sized, planes, 10.0))[:2] == (SMALL / 10, 10)


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
        monkeypatch.setattr(diameter_module, "predict", lambda *_, **__: iter(()))
        monkeypatch.setattr(diameter_module, "run_to_end", lambda _: maps_of(flows))
        return estimate_at(echo, np.zeros((3, 64, 64)), 1.0)

    right = seen(-place / length)
    weak = seen(-0.3 * place / length)
    assert right.diameter == pytest.approx(20, rel=0.05)
    assert right.trust > 2 * weak.trust > 0
    assert seen(np.zeros_like(place)).trust < 0.1 * right.trust


def test_the_scale_is_told(sized: Model) -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 130)).astype(np.uint8)
    result = segment(image, Settings(diameter=10), sized)
    assert result.scale == 2 and result.diameter == 10
    assert result.labels.shape == image.shape
    with pytest.raises(ValueError, match="diameter"):
        result.relabel(Settings(diameter=11))
