"""The tissue sections that are made for a training to learn from."""

from __future__ import annotations

import numpy as np
import pytest
from lib.sections import Cutout, Section, cut_out
from scipy import ndimage as ndi

from napari_pmrnet.datasets.synthetic import make_fluorescence


@pytest.fixture(scope="module")
def pool() -> list[Cutout]:
    """Nuclei cut out of a generated image."""
    image, labels = make_fluorescence((384, 384), seed=3)
    return cut_out(image, labels)


def make(pool: list[Cutout], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A section of 192 pixels a side."""
    return Section(pool, np.random.default_rng(seed), side=192).make()


def test_nuclei_are_cut_out_whole_and_without_background(pool: list[Cutout]) -> None:
    assert len(pool) > 10
    for nucleus in pool:
        assert nucleus.light[nucleus.mask].mean() == pytest.approx(1, rel=1e-5)
        edge = np.ones_like(nucleus.mask)
        edge[1:-1, 1:-1] = False
        assert not nucleus.mask[edge].any()
        assert nucleus.light[edge].mean() < 0.2


@pytest.mark.parametrize("seed", range(2))
def test_labels_are_whole_and_lie_where_it_is_bright(
    pool: list[Cutout], seed: int
) -> None:
    image, labels = make(pool, seed)
    assert image.dtype == np.uint8
    assert labels.dtype == np.uint16
    assert image.shape == labels.shape == (192, 192)
    assert labels.max() > 12
    for label in np.unique(labels[labels > 0]):
        assert ndi.label(labels == label)[1] == 1
    assert image[labels > 0].mean() > 1.5 * image[labels == 0].mean()


def test_most_nuclei_touch_another(pool: list[Cutout]) -> None:
    touching = total = 0
    for seed in range(3):
        _, labels = make(pool, seed)
        for label in np.unique(labels[labels > 0]):
            around = labels[ndi.binary_dilation(labels == label, iterations=2)]
            touching += bool((around[around > 0] != label).any())
            total += 1
    assert touching > 0.7 * total


def test_the_same_seed_makes_the_same_section(pool: list[Cutout]) -> None:
    first, second, other = make(pool, 1), make(pool, 1), make(pool, 2)
    assert all(map(np.array_equal, first, second))
    assert not np.array_equal(first[0], other[0])
