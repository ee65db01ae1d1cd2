"""Stacks plane by plane: one number a nucleus, axes kept, nothing read twice."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_pmrnet.errors import ImageError
from napari_pmrnet.models.card import new_card
from napari_pmrnet.segmentation import Segmentation, Settings
from napari_pmrnet.segmentation import stack as stack_module
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import Progress, run_to_end
from napari_pmrnet.segmentation.stack import MAPS, Stack, segment_planes

WINDOWS = 3
MODEL = SimpleNamespace(card=new_card(("probability",)))


def blobs(count: int, shift: int = 0) -> np.ndarray:
    """As many bright squares, on 40 x 60 pixels."""
    image = np.zeros((40, 60), np.uint8)
    for i in range(count):
        image[5 + shift : 15 + shift, 3 + 12 * i : 12 + 12 * i] = 250
    return image


class Lazy:
    """An array on disk, which notes what is read of it."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, []

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        self.read.append(index)
        return self._data[index]


def thresholded(
    seen: Plane, settings: Settings, model: Any
) -> Generator[Progress, None, Segmentation]:
    """Stands in for the network."""
    plane = seen.read()
    plane = plane[..., 0] if plane.ndim == 3 else plane
    for step in range(WINDOWS):
        yield Progress(step + 1, WINDOWS, "window")
    labels, count = ndimage.label(plane > 100)
    index = np.arange(1, count + 1)
    objects = pd.DataFrame({"label": index, "certainty": np.linspace(0.5, 0.9, count)})
    maps = dict.fromkeys(MAPS, plane.astype(np.float32) / 255)
    labels = labels.astype(np.int32)
    return Segmentation(labels, maps, objects, settings, model, "cpu", diameter=10.0)


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stack_module, "segment_steps", thresholded)


def segmented(data: Any, axes: str, **options: Any) -> stack_module.StackSegmentation:
    channel_axis = options.pop("channel_axis", None)
    stack = Stack(data, tuple(axes), channel_axis, options.pop("rgb", False))
    settings = options.pop("settings", Settings())
    return run_to_end(segment_planes(stack, settings, MODEL, "cells", **options))


def test_numbers_are_unique_in_the_stack_and_rows_tell_the_plane() -> None:
    data = np.stack([np.stack([blobs(1 + t + z) for z in range(3)]) for t in range(2)])
    found = segmented(data, "tzyx")
    assert found.labels.shape == data.shape and found.labels.dtype == np.int32
    assert found.maps == {}
    rows = found.objects
    assert rows["label"].tolist() == list(range(1, 16))
    assert list(zip(rows["t"], rows["z"], strict=True))[:6] == [
        (0, 0), (0, 1), (0, 1), (0, 2), (0, 2), (0, 2),
    ]  # fmt: skip
    for row in rows.itertuples():
        assert (found.labels[row.t, row.z] == row.label).any()
        assert (found.labels == row.label).any(axis=(2, 3)).sum() == 1
    assert found.diameter == 10.0
    assert found.shown[1].max() == 4 and len(found.shown[2]) == 4


def test_linked_nuclei_have_a_row_a_plane_under_one_number() -> None:
    series = np.stack([blobs(2), blobs(2, 3), blobs(0), blobs(2, 3)])
    found = segmented(series, "tyx", link="t")
    numbers = [sorted(set(frame[frame > 0])) for frame in found.labels]
    assert numbers == [[1, 2], [1, 2], [], [1, 2]]
    assert found.objects["label"].tolist() == [1, 2, 1, 2, 1, 2]
    assert found.notes == ("1 of 4 planes are blank",)
    stacked = segmented(series, "zyx", link="z")
    numbers = [sorted(set(plane[plane > 0])) for plane in stacked.labels]
    assert numbers == [[1, 2], [1, 2], [], [3, 4]], (
        "nothing links through an empty plane"
    )


@pytest.mark.parametrize("link", [None, "t"])
def test_planes_are_labelled_anew_for_other_thresholds(
    monkeypatch: pytest.MonkeyPatch, link: str | None
) -> None:
    def of_area(part: Segmentation, settings: Settings) -> Segmentation:
        keep = part.objects["label"] <= settings.min_area
        labels = np.where(part.labels <= settings.min_area, part.labels, 0)
        objects = part.objects[keep].reset_index(drop=True)
        return replace(part, labels=labels, objects=objects, settings=settings)

    monkeypatch.setattr(Segmentation, "relabel", of_area)
    series = np.stack([blobs(2), blobs(0), blobs(3)])
    found = segmented(series, "tyx", link=link, maps=True)
    assert list(found.planes) == [(0,), (2,)] and found.link == link
    assert found.planes[2,].maps["certainty"].base is found.maps["certainty"]
    every = run_to_end(found.relabel_steps(replace(found.settings, min_area=9)))
    assert (every.labels == found.labels).all()
    assert every.objects.equals(found.objects)
    fewer = run_to_end(found.relabel_steps(replace(found.settings, min_area=1)))
    expected = [1, 1] if link else [1, 2]
    assert fewer.objects["label"].tolist() == expected
    assert fewer.labels.max(axis=(1, 2)).tolist() == [expected[0], 0, expected[1]]
    with pytest.raises(ValueError, match="not kept"):
        run_to_end(segmented(series, "tyx").relabel_steps(found.settings))


def test_maps_lie_in_their_planes() -> None:
    series = np.stack([blobs(1), blobs(0), blobs(3)])
    found = segmented(series, "zyx", maps=True)
    for kind in MAPS:
        assert found.maps[kind].dtype == np.float32
        np.testing.assert_allclose(found.maps[kind], series / 255, atol=1e-6)
    assert Stack(series, tuple("zyx")).map_bytes == 2 * sum(
        values.nbytes for values in found.maps.values()
    )


def test_a_lazy_stack_is_read_plane_by_plane_and_once() -> None:
    data = np.stack([np.stack([blobs(1 + t), blobs(2)]) for t in range(3)], axis=1)
    lazy = Lazy(data)
    found = segmented(lazy, "tyx", channel_axis=0, settings=Settings(channel=0))
    everything = slice(None)
    assert lazy.read == [(0, t, everything, everything) for t in range(3)]
    assert found.labels.max() == 1 + 2 + 3
    colours = segmented(np.stack([data[0]] * 3, axis=-1), "tyx", rgb=True)
    assert np.array_equal(colours.labels, found.labels)


def test_a_plain_image_is_a_stack_of_one() -> None:
    found = segmented(blobs(2), "yx", link="t")
    assert found.labels.shape == (40, 60) and found.notes == ()


def test_progress_counts_over_all_planes_and_a_run_can_end_at_any_window() -> None:
    stack = Stack(np.stack([blobs(1)] * 4), tuple("tyx"))
    seen = list(_all(stack))
    assert [p.total for p in seen] == [400] * 4 * WINDOWS
    assert [p.done for p in seen] == sorted(p.done for p in seen)
    assert seen[-1].done == 400 and seen[-1].message == "plane t=3: window"
    for stop in range(len(seen)):
        steps = _all(stack)
        for _ in range(stop):
            next(steps)
        steps.close()


def _all(stack: Stack) -> Generator[Progress, None, stack_module.StackSegmentation]:
    return segment_planes(stack, Settings(), MODEL, "cells")


@pytest.mark.parametrize(
    ("shape", "axes", "words"),
    [
        ((2, 2, 2, 9, 9), "rtzyx", "at most 2"),
        ((0, 9, 9), "tyx", "'cells' is empty"),
    ],
)
def test_what_is_no_stack_is_refused(shape, axes, words) -> None:
    with pytest.raises(ImageError, match=words):
        segmented(np.zeros(shape), axes)
