"""The generator: repeatable, with truth that fits the picture, and touching nuclei."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage as ndi

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_movie, make_stained

MAKERS = pytest.mark.parametrize("make", [make_fluorescence, make_stained])


@MAKERS
def test_same_seed_same_picture_other_seed_another(make):
    first, again, other = (make((96, 80), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[0], other[0])


@MAKERS
def test_shapes_and_types(make):
    image, labels = make((70, 130), n=9)
    assert image.shape[:2] == labels.shape == (70, 130)
    assert (image.dtype, labels.dtype) == (np.uint8, np.int32)
    assert image.ndim == (3 if make is make_stained else 2)


@MAKERS
def test_labels_are_consecutive_and_in_one_piece(make):
    _, labels = make((256, 256), seed=1)
    count = labels.max()
    assert count > 15
    assert set(np.unique(labels)) == set(range(count + 1))
    pieces = [ndi.label(labels == label)[1] for label in range(1, count + 1)]
    assert set(pieces) == {1}


def test_many_nuclei_touch():
    _, labels = make_fluorescence((256, 256), seed=1)
    pairs = set()
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (a != b) & (a > 0) & (b > 0)
        pairs |= set(zip(a[meet].tolist(), b[meet].tolist(), strict=True))
    touching = {label for pair in pairs for label in pair}
    assert len(touching) > 0.3 * labels.max()


def test_nuclei_are_bright_in_fluorescence_and_dark_when_stained():
    image, labels = make_fluorescence((256, 256), seed=1)
    assert image[labels > 0].mean() > 4 * image[labels == 0].mean()
    image, labels = make_stained((256, 256), seed=1)
    red = image[..., 0].astype(float)
    assert red[labels > 0].mean() < red[labels == 0].mean() - 40
    background = np.median(image[labels == 0], axis=0)
    assert background[0] > background[2] > background[1]


@MAKERS
def test_no_nuclei_and_one_pixel(make):
    assert make((64, 64), n=0)[1].max() == 0
    assert make((1, 1))[1].shape == (1, 1)
    with pytest.raises(ValueError, match="1 or more"):
        make((0, 5))


def test_a_movie_has_its_tracks_and_divisions() -> None:
    options = {"frames": 10, "n": 14, "seed": 3, "jitter": 0.3}
    image, labels, mothers = make_movie((160, 180), divisions=0.05, **options)
    assert image.shape == labels.shape == (10, 160, 180)
    assert image.dtype == np.uint8 and labels.dtype == np.int32
    again = make_movie((160, 180), divisions=0.05, **options)
    assert (again[0] == image).all() and again[2] == mothers
    assert mothers and all(child > mother for child, mother in mothers.items())
    there = [set(np.unique(frame)) for frame in labels]
    for child, mother in mothers.items():
        frames = [t for t, names in enumerate(there) if child in names]
        assert not any(mother in there[t] for t in frames)
    assert image[labels > 0].mean() > 2 * image[labels == 0].mean()
    _, still, none = make_movie((160, 180), drift=0, divisions=0, **options)
    assert none == {} and (still[0] > 0)[still[-1] > 0].mean() > 0.85
