"""The window grid: covering, fixed, seamless."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.segmentation.tiles import (
    GRAIN,
    STEP,
    Blend,
    TileGrid,
    blend_weights,
    fitting_side,
    is_empty,
    longest_side,
    starts,
)


@given(st.integers(1, 3000))
def test_windows_cover_an_axis_and_overlap_enough(length: int) -> None:
    first = starts(length, 256, 64)
    assert first[0] == 0
    assert first[-1] + 256 == max(length, 256)
    steps = np.diff(first)
    assert (steps > 0).all() and (steps <= 192).all()


def test_an_image_of_one_window_has_one() -> None:
    assert starts(256, 256, 64) == [0]
    assert starts(257, 256, 64) == [0, 1]


@given(st.integers(1, 4000), st.floats(0.1, 3), st.sampled_from([64, 256]))
def test_fitting_tiles_cover_an_axis_with_few_pixels(
    length: int, scale: float, usual: int
) -> None:
    most, overlap = longest_side(usual), usual // 4
    side = fitting_side(length * scale, most, overlap)
    assert side % STEP == 0 and side <= most
    grid = TileGrid.seen_at(scale, (length, length), (side, side), overlap)
    tiles = grid.boxes()
    first = sorted({box[0].start for box in tiles})
    assert first == sorted({box[1].start for box in tiles})
    assert first[-1] + grid.tile[0] >= length
    # Each tile brings what does not overlap, and at most one step too much.
    needed = length * scale + (len(first) - 1) * overlap
    assert len(first) * side < needed + len(first) * 2 * STEP + 2 * scale + 1
    assert all(np.diff(first) <= grid.tile[0] - grid.overlap)


def test_tiles_are_as_long_as_they_must_be() -> None:
    assert longest_side(256) == 640
    assert fitting_side(360, 640, 64) == 384
    assert fitting_side(640, 640, 64) == 640
    assert fitting_side(641, 640, 64) == 384
    assert fitting_side(257, 640, 64) == 320
    assert fitting_side(250, 640, 64) == 256
    assert fitting_side(10, 640, 64) == 32


def test_weights_of_a_tile_shorter_than_its_overlap() -> None:
    weights = blend_weights((32, 96), 64)
    assert weights.min() > 0 and np.isfinite(weights).all()


def test_weights_are_one_inside_and_positive_at_the_rim() -> None:
    weights = blend_weights((64, 96), 16)
    assert weights.shape == (64, 96) and weights[32, 32] == 1
    assert weights.min() > 0
    np.testing.assert_allclose(weights, weights[::-1, ::-1])


@given(st.integers(1, 150), st.integers(1, 150))
def test_blending_windows_of_an_image_gives_the_image(height: int, width: int) -> None:
    image = np.random.default_rng(0).random((2, height, width), np.float32)
    grid = TileGrid((height, width), (64, 96), 16)
    blend = Blend(grid, 2)
    everything = grid.boxes()
    for first in range(0, len(everything), 3):
        boxes = everything[first : first + 3]
        blend.add(boxes, grid.cut(image, boxes))
    np.testing.assert_allclose(blend.result(), image, atol=1e-6)


def test_what_lies_beyond_the_image_is_its_reflection() -> None:
    image = np.arange(5, dtype=np.float32)[None, None].repeat(5, axis=1)
    grid = TileGrid((5, 5), (8, 8), 2)
    (tile,) = grid.cut(image, grid.boxes())
    assert tile[0, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]


def test_a_box_lists_the_windows_that_touch_it_where_they_were() -> None:
    every = TileGrid((500, 700), (128, 160), 32).boxes()
    box = (slice(10, 20), slice(300, 310))
    some = TileGrid((500, 700), (128, 160), 32, box).boxes()
    assert 0 < len(some) < len(every)
    assert all(b in every for b in some)
    assert all(
        b in some
        for b in every
        if b[0].start < 20 and b[1].start < 310 and b[1].stop > 300
    )


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.1, 0.5, 0.9, 1.0, 2.4]),
    st.integers(0, 99),
)
def test_a_square_that_stands_out_is_never_empty(
    height: int, width: int, scale: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    tiles = np.full((2, 3, height, width), 0.5, np.float32)
    tiles += 0.02 * rng.random(tiles.shape, np.float32)
    assert is_empty(tiles, scale).all()
    side = 2 * max(1, round(GRAIN / scale))
    y, x = (int(rng.integers(0, max(1, n - side))) for n in (height, width))
    tiles[1, int(rng.integers(3)), y : y + side, x : x + side] -= 0.1
    filled = height <= side and width <= side
    assert is_empty(tiles, scale).tolist() == [True, filled]


def test_a_tile_without_a_whole_square_counts_pixel_by_pixel() -> None:
    tiles = np.zeros((1, 3, 1, 9), np.float32)
    tiles[..., 4] = 0.1
    assert not is_empty(tiles, 0.1).any()
