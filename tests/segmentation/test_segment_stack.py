"""Stacks plane by plane: one number a nucleus, axes kept, nothing read twice."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
from small_stacks import MODEL, WINDOWS, blobs, segmented, thresholded

from napari_pmrnet.segmentation import Settings, segment_stack
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.segment_stack import segment_planes
from napari_pmrnet.segmentation.stack import MAPS, Stack
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation


class Lazy:
    """An array on disk, which notes what is read of it."""

    def __init__(self, data: np.ndarray) -> None:
        self._data, self.shape, self.dtype, self.read = data, data.shape, data.dtype, []

    def __getitem__(self, index: tuple[Any, ...]) -> np.ndarray:
        self.read.append(index)
        return self._data[index]


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_stack, "segment_steps", thresholded)


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


def _all(stack: Stack) -> Generator[Progress, None, StackSegmentation]:
    return segment_planes(stack, Settings(), MODEL, "cells")
