"""`segment` from image to labels, on an untrained network."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lib.robustness import rescaled

from napari_pmrnet import Segmentation, Settings, load_model, segment, segment_steps
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.errors import ImageError
from napari_pmrnet.evaluation.instance import match
from napari_pmrnet.models import Model
from napari_pmrnet.segmentation import diameter_estimate
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.region import Region
from napari_pmrnet.segmentation.segment import EXTRA_MAPS, more_maps_steps
from napari_pmrnet.segmentation.tiles import longest_side

NATIVE = Settings(diameter=25)
LOOSE = replace(NATIVE, probability_threshold=0.5, seed_threshold=0.05, min_area=1)
MAPS = {"probability", "boundary", "certainty"}


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (90, 130)).astype(np.uint8)


def test_labels_maps_and_objects(image: np.ndarray, model: Model) -> None:
    result = segment(image, LOOSE, model)
    assert result.labels.shape == image.shape and result.labels.dtype == np.int32
    assert set(result.maps) == MAPS
    for values in result.maps.values():
        assert values.shape == image.shape and values.dtype == np.float32
        assert values.min() >= 0 and values.max() <= 1
    assert result.objects["label"].tolist() == list(range(1, result.labels.max() + 1))
    assert result.objects["certainty"].between(0, 1).all()
    assert result.device == model.runs_on and result.model is model


def test_extra_maps_on_request(image: np.ndarray, model: Model) -> None:
    plain = segment(image, NATIVE, model)
    extra = segment(image, NATIVE, model, extra_maps=True)
    assert set(extra.maps) == MAPS | set(EXTRA_MAPS)
    np.testing.assert_array_equal(extra.labels, plain.labels)


@pytest.mark.parametrize("of_region", [False, True])
def test_more_maps_are_those_of_the_same_run(
    image: np.ndarray, model: Model, of_region: bool
) -> None:
    image = image.astype(float)
    image[60:, 100:] = np.nan
    region = None
    if of_region:
        region = np.zeros(image.shape, bool)
        region[20:60, 30:80] = True
    fine = replace(LOOSE, diameter=None, limits="percentiles")
    plain = segment(image, fine, model, region=region)
    extra = segment(image, fine, model, region=region, extra_maps=True)
    maps = run_to_end(more_maps_steps(Plane([image]), plain))
    assert set(maps) == set(EXTRA_MAPS)
    for name, values in maps.items():
        assert values.dtype == np.float32 and values.shape == image.shape
        np.testing.assert_array_equal(values, extra.maps[name])


def test_steps_yield_once_a_window_and_end_with_the_same(
    image: np.ndarray, model: Model
) -> None:
    steps, seen = segment_steps(image, NATIVE, model), []
    while True:
        try:
            seen.append(next(steps))
        except StopIteration as stop:
            result = stop.value
            break
    tiles = [p.done for p in seen if p.total == 6]
    assert tiles == [1, 2, 3, 4, 5, 6]
    np.testing.assert_array_equal(result.labels, segment(image, NATIVE, model).labels)


def test_batch_size_does_not_change_the_result(
    image: np.ndarray, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    single = segment(image, NATIVE, model)
    monkeypatch.setattr(Model, "batch_size", 4)
    many = segment(image, NATIVE, model)
    for name in MAPS:
        np.testing.assert_allclose(many.maps[name], single.maps[name], atol=1e-5)


def test_out_of_memory_halves_the_batch_then_goes_to_the_cpu(
    image: np.ndarray, model: Model
) -> None:
    tried = []

    class Cramped(Model):
        batch_size = 16  # of the usual tiles, 4 of these

        def predict_tiles(self, tiles, *_):
            tried.append(len(tiles))
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    cramped = Cramped("m", model.card, model.network, torch.device("meta"))
    cramped_to_cpu = model
    object.__setattr__(cramped, "to", lambda device: cramped_to_cpu)
    result = segment(image, NATIVE, cramped)
    assert tried == [4, 2, 1]
    assert result.device == model.runs_on
    told = [note for note in result.notes if "memory" in note]
    assert [n for n in told if "CPU" in n] and len(told) == 3
    np.testing.assert_array_equal(result.labels, segment(image, NATIVE, model).labels)


@pytest.mark.parametrize("at_once", [1, 2])
def test_other_errors_of_the_network_are_not_swallowed(
    image: np.ndarray, model: Model, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("weights and input differ in type")

    monkeypatch.setattr(Model, "at_once", at_once)
    monkeypatch.setattr(Model, "predict_tiles" if at_once == 1 else "begin", fail)
    with pytest.raises(RuntimeError, match="differ in type"):
        segment(image, NATIVE, model)


def test_relabelling_equals_a_new_run(image: np.ndarray, model: Model) -> None:
    first = segment(image, LOOSE, model)
    other = replace(LOOSE, probability_threshold=0.35, min_area=3)
    again = first.relabel(other)
    fresh = segment(image, other, model)
    np.testing.assert_array_equal(again.labels, fresh.labels)
    assert again.objects.equals(fresh.objects) and again.settings == other
    with pytest.raises(ValueError, match="new segmentation"):
        first.relabel(replace(other, channel=1))


def test_a_region_keeps_the_nuclei_whose_centre_lies_inside(
    image: np.ndarray, model: Model
) -> None:
    settings = LOOSE
    whole = segment(image, settings, model)
    region = np.zeros(image.shape, bool)
    region[20:60, 30:100] = True
    part = segment(image, settings, model, region=region)
    rows = whole.objects.round().astype({"centroid_y": int, "centroid_x": int})
    inside = rows[region[rows["centroid_y"], rows["centroid_x"]]]
    assert 0 < len(part.objects) < len(whole.objects)
    assert part.objects["area"].tolist() == inside["area"].tolist()


@pytest.mark.parametrize(
    ("region", "words"),
    [(np.ones((3, 3), bool), "shape"), (np.zeros((90, 130), bool), "no pixel")],
)
def test_a_region_that_does_not_fit(
    image: np.ndarray, model: Model, region: np.ndarray, words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        segment(image, NATIVE, model, region=region)


@pytest.mark.parametrize("shape", [(1, 40), (2, 2), (7, 9), (64, 64), (65, 3)])
def test_small_images_are_padded(shape: tuple[int, int], model: Model) -> None:
    image = np.arange(np.prod(shape)).reshape(shape)
    assert segment(image, NATIVE, model).labels.shape == shape


def test_a_look_at_the_whole_image_serves_for_its_maps(
    image: np.ndarray, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sized = replace(model, card=model.card.updated(working_diameters=[1.0, 1000.0]))
    monkeypatch.setattr(diameter_estimate, "THRESHOLDS", LOOSE)
    monkeypatch.setattr(diameter_estimate, "ENOUGH", 0.0)
    monkeypatch.setattr(Model, "at_once", 1)  # whatever threads tests before have set
    calls, predict_tiles = [], Model.predict_tiles
    monkeypatch.setattr(
        Model,
        "predict_tiles",
        lambda *args: calls.append(len(args[1])) or predict_tiles(*args),
    )
    monkeypatch.setattr(diameter_estimate, "LOOK_SIDE", 10)
    small = image[:, :60]
    open_size = replace(LOOSE, diameter=None)
    looked = segment(small, open_size, sized)
    once = sum(calls)
    known = segment(small, replace(open_size, diameter=looked.diameter), sized)
    assert looked.diameter is not None and sum(calls) == 2 * once
    assert looked.labels.any()
    np.testing.assert_array_equal(looked.labels, known.labels)
    for name, values in known.maps.items():
        np.testing.assert_array_equal(looked.maps[name], values)
    segment(small, replace(open_size, flips=True), sized)
    assert sum(calls) == 4 * once


@pytest.mark.slow
def test_the_shipped_weights_find_nuclei_of_eight_pixels() -> None:
    image, truth = rescaled(1 / 3)(*make_fluorescence((384, 384), seed=1), None)
    (found,) = match(
        truth, segment(image, None, load_model("nuclei", "cpu")).labels, [0.5]
    )
    assert found.true_positive >= 0.85 * (found.true_positive + found.false_negative)
    assert found.false_positive <= 2


PLAIN = Settings(diameter=25, probability_threshold=0.5, min_area=1)
TYPES = ["?", "u1", "i1", ">u2", "<u2", ">i4", "u8", "f2", ">f4", "f8", "c8", "O"]
LAYOUTS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "grey": ((), {}),
    "colour": ((3,), {}),
    "with alpha": ((4,), {"rgb": True}),
    "channels last": ((2,), {"channel_axis": -1}),
    "two colours": ((2,), {"rgb": True}),
    "no such channel": ((2,), {"channel_axis": 5}),
    "a stack": ((7,), {}),
}
CONTENTS = ["noise", "constant", "NaN", "infinite", "one pixel", "hardly anything"]


def picture(shape: tuple[int, ...], dtype: str, content: str, seed: int) -> np.ndarray:
    """An array of a type; of real numbers where the type has none of its own."""
    random = np.random.default_rng(seed)
    values = random.random(shape) * 100
    if content == "constant":
        values[...] = 7
    if content == "one pixel":
        values[...] = 0
        values.flat[:1] = 100
    if content == "hardly anything":
        values = 5 + values * 1e-12
    kind = np.dtype(dtype).kind
    array = values > 50 if kind == "b" else values.astype(dtype)
    if kind == "f" and content in ("NaN", "infinite") and array.size:
        array.flat[seed % array.size] = np.nan if content == "NaN" else np.inf
    return array


@settings(max_examples=80, deadline=None)
@given(
    height=st.integers(0, 90),
    width=st.integers(0, 90),
    dtype=st.sampled_from(TYPES),
    layout=st.sampled_from([*LAYOUTS]),
    content=st.sampled_from(CONTENTS),
    contiguous=st.booleans(),
    seed=st.integers(0, 99),
)
@example(1, 1, "u1", "grey", "noise", True, 0)
@example(90, 1, ">u2", "colour", "noise", False, 0)
def test_labels_or_a_reason(
    model: Model,
    height: int,
    width: int,
    dtype: str,
    layout: str,
    content: str,
    contiguous: bool,
    seed: int,
) -> None:
    more, keywords = LAYOUTS[layout]
    image = picture((height, width, *more), dtype, content, seed)
    if not contiguous:
        image = image[::-1, ::-1]
    before = image.copy()
    try:
        found = segment(image, PLAIN, model, image_name="slide 7", **keywords)
    except ImageError as error:
        assert "slide 7" in str(error) and "\n" not in str(error)
        return
    assert found.labels.shape == (height, width)
    assert len(found.objects) == found.labels.max()
    for name, values in found.maps.items():
        assert np.isfinite(values).all(), name
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("where", ["whole", "region", "masked"])
def test_nothing_is_found_where_there_are_no_numbers(model: Model, where: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (120, 130)).astype(np.float32)
    holes = np.zeros(image.shape, bool)
    holes[30:60, 20:90] = holes[80, 80] = True
    whole = segment(image, LOOSE, model)
    assert (whole.labels[holes] > 0).any()
    region = None
    broken: Any = np.where(holes, np.nan, image)
    if where == "masked":
        broken = np.ma.array(image.astype(np.uint8), mask=holes)
    if where == "region":
        region = np.ones(image.shape, bool)
        region[:, 120:] = False
    found = segment(broken, LOOSE, model, region=region)
    assert not found.labels[holes].any() and (found.labels > 0).any()
    assert not found.missed().labels[holes].any()
    assert [note for note in found.notes if "NaN, infinite or masked" in note]
    assert not [note for note in whole.notes if "NaN" in note]


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(fails=st.sets(st.integers(0, 30), max_size=12), batch=st.integers(1, 8))
def test_labels_do_not_depend_on_when_memory_runs_out(
    model: Model, fails: set[int], batch: int
) -> None:
    calls = iter(range(10_000))

    class Cramped(Model):
        batch_size = batch

        def predict_tiles(self, tiles: np.ndarray, *rest: Any) -> np.ndarray:
            if next(calls) in fails:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
            return model.predict_tiles(tiles, *rest)

    cramped = Cramped("m", model.card, model.network, torch.device("meta"))
    object.__setattr__(cramped, "to", lambda _: model)
    image = np.random.default_rng(0).integers(0, 255, (150, 170)).astype(np.uint8)
    found: Segmentation = segment(image, PLAIN, cramped)
    expected = segment(image, PLAIN, model)
    for name, values in expected.maps.items():
        np.testing.assert_allclose(found.maps[name], values, atol=1e-5)
    told = set(found.notes) - set(expected.notes)
    assert bool(told) == bool(fails & set(range(next(calls))))


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_labels_do_not_depend_on_the_batch(
    model: Model, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (150, 170)).astype(np.uint8)
    expected = segment(image, PLAIN, model)
    monkeypatch.setattr(Model, "batch_size", batch)
    found = segment(image, PLAIN, model)
    np.testing.assert_array_equal(found.labels, expected.labels)


class Counted:
    """An array on disk that counts the pixels it is asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.read = data, 0
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __getitem__(self, index: Any) -> np.ndarray:
        part = self._data[index]
        self.read += part.size
        return part


def test_a_field_is_segmented_as_the_whole_image_is(model) -> None:
    data = np.random.default_rng(0).integers(0, 255, (400, 500)).astype(np.uint8)
    mask = np.zeros(data.shape, bool)
    mask[150:200, 220:290] = True
    lazy = Counted(data)
    plane = Plane([lazy], name="slide")
    assert plane.limits and lazy.read == data.size
    assert plane.smoothing and lazy.read <= data.size + 9 * 256**2
    lazy.read = 0
    steps = segment_steps(plane, LOOSE, model, region=Region.of(mask))
    found = run_to_end(steps)
    expected = segment(data, LOOSE, model, region=mask)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.objects.equals(expected.objects) and len(found.objects)
    for kind, values in expected.maps.items():
        np.testing.assert_array_equal(found.maps[kind], values)
    assert found.labels.shape == data.shape
    reach = 2 * (64 + longest_side(model.tile) + round(4 * plane.smoothing))
    assert lazy.read <= (50 + reach) * (70 + reach) < data.size


def test_a_field_that_does_not_fit_is_refused(model) -> None:
    plane = Plane([np.zeros((40, 50), np.uint8)], name="slide")
    region = Region(np.ones((3, 3), bool), (0, 0), (40, 40))
    with pytest.raises(ImageError, match="'slide'"):
        run_to_end(segment_steps(plane, LOOSE, model, region=region))
