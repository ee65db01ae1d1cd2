"""Kinds of labels: how they are named and how classes are told apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import ImageError
from napari_pmrnet.models.label_kind import (
    LabelKind,
    class_channels,
    class_channels_in,
    classes_of,
    true_classes,
    whole_scale,
)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=40), st.integers(1, 3))
def test_the_likeliest_class_wins_within_the_foreground(values, count) -> None:
    parts = np.array([values], np.int32)
    rng = np.random.default_rng(len(values))
    maps = {name: rng.random(parts.shape) for name in class_channels(count)}
    labels = classes_of(parts, maps)
    assert np.array_equal(labels > 0, parts > 0)
    for at in np.flatnonzero(parts):
        won = labels.ravel()[at]
        for name in maps:
            assert maps[f"class_{won}"].ravel()[at] >= maps[name].ravel()[at]
    assert count > 1 or set(np.unique(labels)) <= {0, 1}


def test_counts_in_words() -> None:
    said = [kind.counted(n) for kind in LabelKind for n in (1, 0, 12)]
    assert said == [
        *("1 nucleus", "0 nuclei", "12 nuclei"),
        *("1 object", "0 objects", "12 objects"),
        *("1 class", "0 classes", "12 classes"),
    ]


def test_nuclei_are_found_tile_by_tile_and_the_rest_is_refused() -> None:
    LabelKind.NUCLEI.refuse_tiles("eye", "Shrink it.")
    for kind in (LabelKind.OBJECTS, LabelKind.CLASSES):
        assert kind.sees_whole
        with pytest.raises(ImageError, match=f"'eye'.*{kind} sees .*Shrink it."):
            kind.refuse_tiles("eye", "Shrink it.")


def test_the_longer_side_decides_the_scale_of_a_whole_image() -> None:
    assert whole_scale(256, (512, 128)) == whole_scale(256, (128, 512)) == 0.5
    assert whole_scale(256, (64, 64)) == 4


@given(st.integers(0, 30))
def test_a_channel_a_class_where_there_are_several(count: int) -> None:
    channels = class_channels(count)
    assert len(channels) == (count if count > 1 else 0)
    assert class_channels_in(("probability", *reversed(channels))) == channels


def test_true_labels_are_one_class_where_no_more_are_named() -> None:
    labels = np.array([[[0, 3, 7]]])
    assert true_classes(labels, ()).tolist() == [[[0, 1, 1]]]
    assert true_classes(labels, ("polyp",)).tolist() == [[[0, 1, 1]]]
    assert true_classes(labels, ("polyp", "tool")) is labels
