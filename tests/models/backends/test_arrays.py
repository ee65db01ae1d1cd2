"""NumPy and torch do the same to planes before and after the network."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.models.backends.arrays import NumPyArrays
from napari_pmrnet.models.backends.base import Arrays, Device
from napari_pmrnet.models.backends.eager import TorchArrays

sides = st.integers(1, 90)
sizes = st.tuples(sides, sides)


def planes(size: tuple[int, int], seed: int = 0, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (2, channels, *size)).astype(np.float32)


def both(act, *arguments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What `act` makes of arrays in NumPy and in torch."""

    def one(arrays: Arrays) -> np.ndarray:
        return arrays.get(act(arrays, *map(arrays.put, arguments)))

    return one(NumPyArrays()), one(TorchArrays(Device("cpu")))


@given(sizes, sizes, st.integers(0, 99))
def test_planes_are_resized_alike(before, after, seed) -> None:
    ours, theirs = both(lambda a, p: a.resize(p, after), planes(before, seed))
    assert ours.shape == (2, 3, *after) and ours.dtype == np.float32
    # torch places the pixels of another size in float32, Pillow in float64.
    np.testing.assert_allclose(ours, theirs, atol=5e-5, rtol=0)


@pytest.mark.parametrize("after", [(320, 160), (1280, 640), (160, 1280)])
def test_where_places_are_exact_resized_planes_are_equal(after) -> None:
    ours, theirs = both(lambda a, p: a.resize(p, after), planes((640, 640)))
    np.testing.assert_allclose(ours, theirs, atol=1e-6, rtol=0)


def test_planes_of_that_size_are_not_touched() -> None:
    given_planes = planes((9, 7))
    assert NumPyArrays().resize(given_planes, (9, 7)) is given_planes


@given(st.sampled_from([(), (2,), (3,), (2, 3)]), st.sets(st.integers(0, 2)), sizes)
def test_planes_are_flipped_alike_and_stay(axes, negated, size) -> None:
    given_planes = planes(size)
    kept = given_planes.copy()
    ours, theirs = both(lambda a, p: a.flip(p, axes, sorted(negated)), given_planes)
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(given_planes, kept)


@pytest.mark.parametrize("but", [(), (1,), (0, 2)])
def test_sigmoids_are_alike_and_without_warnings(but) -> None:
    extremes = np.float32([-1e30, -200, -88.7, -1, 0, 1, 17, 200, 1e30])
    given_planes = np.stack([extremes] * 3)[None, :, None]
    ours, theirs = both(lambda a, p: a.sigmoid(p, but), given_planes)
    np.testing.assert_allclose(ours, theirs, atol=1e-7, rtol=0)
    for channel in but:
        np.testing.assert_array_equal(ours[:, channel], given_planes[:, channel])


def test_planes_are_joined_along_the_channels() -> None:
    parts = planes((4, 5)), planes((4, 5), 1, channels=1)
    ours, theirs = both(lambda a, *p: a.join(p), *parts)
    np.testing.assert_array_equal(ours, theirs)
    assert ours.shape == (2, 4, 4, 5)
