"""Whatever array comes, `segment` gives labels of its shape or says what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from napari_pmrnet import Segmentation, Settings, segment
from napari_pmrnet.errors import ImageError
from napari_pmrnet.models import Model

SETTINGS = Settings(diameter=25, probability_threshold=0.5, min_area=1)
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
        found = segment(image, SETTINGS, model, image_name="slide 7", **keywords)
    except ImageError as error:
        assert "slide 7" in str(error) and "\n" not in str(error)
        return
    assert found.labels.shape == (height, width)
    assert len(found.objects) == found.labels.max()
    for name, values in found.maps.items():
        assert np.isfinite(values).all(), name
    np.testing.assert_array_equal(image, before)


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
    found: Segmentation = segment(image, SETTINGS, cramped)
    expected = segment(image, SETTINGS, model)
    for name, values in expected.maps.items():
        np.testing.assert_allclose(found.maps[name], values, atol=1e-5)
    told = set(found.notes) - set(expected.notes)
    assert bool(told) == bool(fails & set(range(next(calls))))


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_labels_do_not_depend_on_the_batch(
    model: Model, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.random.default_rng(0).integers(0, 255, (150, 170)).astype(np.uint8)
    expected = segment(image, SETTINGS, model)
    monkeypatch.setattr(Model, "batch_size", batch)
    found = segment(image, SETTINGS, model)
    np.testing.assert_array_equal(found.labels, expected.labels)
