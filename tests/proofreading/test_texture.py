"""Texture against pairs of pixels counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_pmrnet.errors import DataError
from napari_pmrnet.proofreading.intensities import (
    TEXTURES,
    Head,
    Options,
    intensities,
    options_of,
)
from napari_pmrnet.proofreading.measure import measure, measure_steps
from napari_pmrnet.proofreading.texture import (
    FEATURES,
    LEVELS,
    Distance,
    steps_at,
    texture,
)
from napari_pmrnet.segmentation.predict import run_to_end

SHAPES = st.shared(st.tuples(*[st.integers(1, 7)] * 2))
VALUES = arrays(
    np.float64,
    SHAPES,
    elements=st.integers(-5, 40).map(float) | st.sampled_from([np.nan, np.inf]),
)
MASKS = arrays(bool, SHAPES)


def by_hand(
    values: np.ndarray, inside: np.ndarray, offsets: list[tuple[int, int]]
) -> list[float]:
    """Features of Haralick, from lists of pairs."""
    inside = inside & np.isfinite(values)
    if not inside.any():
        return [np.nan] * len(FEATURES)
    low, high = values[inside].min(), values[inside].max()
    grey = np.zeros(values.shape, int)
    if high > low:
        share = (values[inside] - low) / (high - low)
        grey[inside] = np.minimum(np.floor(LEVELS * share), LEVELS - 1)
    found = []
    for down, right in offsets:
        pairs = []
        for y, x in zip(*np.nonzero(inside), strict=True):
            other = y + down, x + right
            within = 0 <= other[0] < values.shape[0] and 0 <= other[1] < values.shape[1]
            if within and inside[other]:
                pairs += [(grey[y, x], grey[other]), (grey[other], grey[y, x])]
        if not pairs:
            continue
        one, two = np.array(pairs, float).T
        _, times = np.unique(np.array(pairs), axis=0, return_counts=True)
        chances = times / times.sum()
        flat = one.std() == 0
        found.append(
            (
                np.mean((one - two) ** 2),
                np.mean(1 / (1 + (one - two) ** 2)),
                1.0 if flat else np.corrcoef(one, two)[0, 1],
                -sum(chance * math.log2(chance) for chance in chances),
            )
        )
    return list(np.mean(found, axis=0)) if found else [np.nan] * len(FEATURES)


@given(VALUES, MASKS, st.integers(1, 3))
def test_features_are_those_of_all_pairs_in_the_nucleus(values, inside, far) -> None:
    diagonal = round(far * math.sqrt(0.5))
    offsets = [(0, far), (diagonal, diagonal), (far, 0), (diagonal, -diagonal)]
    found = texture(values, inside, steps_at(far, (1, 1)))
    expected = by_hand(values, inside, offsets)
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@given(VALUES, MASKS, st.floats(0.1, 100), st.integers(-1000, 1000))
def test_brightness_does_not_count(values, inside, gain, offset) -> None:
    """But for grey levels that rounding moves, of which there are none at powers."""
    gain = 2.0 ** round(math.log2(gain))
    steps = steps_at(1, (1, 1))
    brighter = texture(gain * (values + offset), inside, steps)
    assert brighter == pytest.approx(texture(values, inside, steps), nan_ok=True)


def test_distances_are_in_the_unit_of_the_pixels() -> None:
    labels = np.zeros((20, 40), int)
    labels[2:18, 2:38] = 3
    stripes = np.tile(np.arange(40) // 4 % 2, (20, 1)) * 100.0
    near = measure(labels, {"a": stripes}, options=Options(texture=Distance(1)))
    head = "texture contrast a at 1 pixel"
    assert (
        list(near)[-4:] == [f"texture {name} a at 1 pixel" for name in FEATURES]
        and near.loc[3, head] > 0
    )
    same = measure(labels, {"a": stripes}, (0.5, 0.5), options=at(0.5))
    assert same["texture contrast a at 0.5 um"].iloc[0] == near[head].iloc[0]
    # Eight pixels across, one down: a step of stripes that repeat every eight.
    wide = measure(labels, {"a": stripes}, (1.0, 0.125), options=at(1.0))
    assert wide["texture correlation a at 1 um"].iloc[0] > 0.2


def at(length: float) -> Options:
    return Options(texture=Distance(length, "um"))


@given(st.floats(0.05, 5), st.floats(0.05, 5), st.floats(1, 30))
def test_every_direction_goes_on_by_about_the_distance(height, width, times) -> None:
    distance = times * max(height, width)
    steps = steps_at(distance, (height, width))
    for (length, angle), turn in zip(steps, range(4), strict=True):
        down = round(length * math.sin(angle))
        right = round(length * math.cos(angle))
        assert (down, right) != (0, 0)
        assert abs(down * height - distance * math.sin(turn * math.pi / 4)) <= (
            height / 2 + 1e-6
        )
        assert abs(right * width - distance * math.cos(turn * math.pi / 4)) <= (
            width / 2 + 1e-6
        )


def test_a_distance_within_a_pixel_is_refused() -> None:
    with pytest.raises(DataError, match="at least 0.5"):
        steps_at(0.4, (0.5, 0.25))
    for length in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="above 0"):
            Options(texture=Distance(length))


def test_lengths_are_converted_where_they_can_be() -> None:
    assert Distance(500, "nm").in_unit("um") == Distance(0.5, "um")
    assert Distance(3).in_unit("pixel") == Distance(3)
    with pytest.raises(DataError, match="Choose the distance in um"):
        Distance(3).in_unit("um")


@given(st.text(min_size=1), st.floats(1e-3, 1e4), st.sampled_from(["pixel", "um"]))
def test_heads_are_read_back(channel, length, unit) -> None:
    options = Options(5, True, Distance(float(f"{length:.10g}"), unit))
    image = {channel: np.eye(3)}
    heads = list(dict(intensities(np.zeros((3, 3), int), 1, image, options)))
    heads += [Head(kind, channel, options).text for kind in TEXTURES]
    for kind, text in zip(TEXTURES, heads[-4:], strict=True):
        assert Head.of(text) == (kind, channel, Options(texture=options.texture))
    assert options_of(heads) == options
    assert options_of(heads[:-4]) == Options(5, True)


def test_it_is_measured_only_when_asked_for_and_can_be_stopped_on_the_way() -> None:
    labels = np.arange(200).reshape(10, 20)
    image = {"a": np.ones((10, 20)), "b": np.ones((10, 20))}
    plain = list(measure_steps(labels, image))
    assert plain[-1][1] == 199
    both = list(measure_steps(labels, image, options=Options(texture=Distance(1))))
    assert both[-1][1] == 597 and both[-1][0] > 500
    table = run_to_end(measure_steps(labels, image))
    assert not [name for name in table if name.startswith("texture")]
