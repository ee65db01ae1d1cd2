"""Images of every kind become the same three planes, or a message that helps."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation import normalise as normalise_module
from napari_pmrnet.segmentation.normalise import intensity_limits, normalise
from napari_pmrnet.segmentation.plane import Plane, prepare


def soft(seed: int, *shape: int) -> np.ndarray:
    """Blurred noise as uint8 from 0 to 200: an image that counts as free of noise."""
    noise = np.random.default_rng(seed).normal(size=shape)
    image = gaussian_filter(noise, (2, 2, *[0] * (len(shape) - 2)))
    return (200 * (image - image.min()) / np.ptp(image)).astype(np.uint8)


GREY = soft(0, 40, 30)


@pytest.mark.parametrize(
    "dtype", ["u1", "<u2", ">u2", "i2", ">i4", "i8", "f2", ">f4", "<f8"]
)
def test_dtype_and_byte_order_do_not_matter(dtype: str) -> None:
    expected = prepare(GREY)
    actual = prepare(GREY.astype(dtype))
    assert actual.dtype == np.float32 and actual.dtype.isnative
    np.testing.assert_allclose(actual, expected, atol=1e-6)


@given(st.floats(1e-3, 1e4), st.floats(-1e6, 1e6))
@example(gain=1e-3, offset=4096.0)
@settings(max_examples=25, deadline=None)
def test_gain_and_offset_do_not_matter(gain: float, offset: float) -> None:
    np.testing.assert_allclose(prepare(GREY * gain + offset), prepare(GREY), atol=1e-5)


def test_grey_gives_three_equal_planes_in_unit_range() -> None:
    planes = prepare(GREY)
    assert planes.shape == (3, 40, 30)
    assert planes.min() == 0 and planes.max() == 1
    assert (planes == planes[:1]).all()


def test_colours_are_kept_and_alpha_dropped() -> None:
    rgb = soft(1, 20, 25, 3)
    rgba = np.dstack([rgb, np.full((20, 25), 7, np.uint8)])
    planes = prepare(rgb)
    assert planes.shape == (3, 20, 25)
    np.testing.assert_array_equal(planes, prepare(rgba))
    low, high = intensity_limits(rgb)
    np.testing.assert_array_equal(planes[1], normalise(rgb[..., 1], (low, high)))


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_channel_of_a_stack(axis: int) -> None:
    stack = np.stack([GREY, GREY.T[:30].repeat(2, 0)[:40, :30], 255 - GREY], axis=axis)
    np.testing.assert_array_equal(
        prepare(stack, channel_axis=axis, channel=2), prepare(255 - GREY)
    )
    np.testing.assert_array_equal(prepare(stack, channel_axis=axis), prepare(GREY))


def test_one_colour_of_an_rgb_image() -> None:
    rgb = np.dstack([GREY, 255 - GREY, GREY // 2])
    np.testing.assert_array_equal(prepare(rgb, channel=1), prepare(255 - GREY))


def test_limits_ignore_a_few_hot_pixels() -> None:
    image = GREY.astype(np.uint16)
    image[0, 0] = 65535
    assert intensity_limits(image)[1] < 250


def test_a_large_image_is_sampled() -> None:
    image = np.broadcast_to(np.arange(5000, dtype=np.uint16), (5000, 5000))
    low, high = intensity_limits(image)
    assert low == pytest.approx(50, abs=5) and high == pytest.approx(4990, abs=5)


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (np.zeros((0, 5)), {}, "is empty"),
        (np.zeros((1, 1)), {}, "same value"),
        (np.full((9, 9), 7), {}, "same value"),
        (np.full((9, 9), np.nan), {}, "holds no numbers"),
        (np.full((9, 9), np.inf), {}, "holds no numbers"),
        (np.ma.masked_all((9, 9), np.uint8), {}, "holds no numbers"),
        (2**60 + GREY.astype(np.uint64), {}, "too close together"),
        (np.full((9, 9), 2**63, np.uint64), {}, "same value"),
        (GREY.astype(object), {}, "values of type object"),
        (np.zeros((2, 3, 8, 8)), {}, "channel axis"),
        (np.zeros((5, 8, 8)), {}, "channel axis"),
        (np.zeros((8, 8, 2)), {"rgb": True}, "not 3 or 4"),
        (np.zeros((3, 8, 8)), {"channel_axis": 5}, "is not one of them"),
        (np.zeros((3, 8, 8)), {"channel_axis": 0, "channel": 3}, "numbered 0 to 2"),
        (np.zeros((8, 8), complex), {}, "values of type complex"),
    ],
)
def test_bad_images_are_named_with_the_reason(
    image: np.ndarray, options: dict, words: str
) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        prepare(image, name="slide 7", **options)
    assert "slide 7" in str(caught.value)


WHOLE = (230, 260)


@pytest.mark.parametrize("colour", [False, True])
def test_planes_on_demand_are_those_of_the_whole_image(colour) -> None:
    image = np.random.default_rng(0).normal(100, 30, (*WHOLE, 3) if colour else WHOLE)
    whole = prepare(image)
    planes = Plane([image])
    assert planes.shape == whole.shape[1:]
    for rows, columns in ((slice(3, 90), slice(200, 400)), (slice(0, 230, 4),) * 2):
        part = planes[:, rows, columns]
        np.testing.assert_array_equal(part, whole[:, rows, columns])


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16)


LAYOUTS = [
    ((50, 70), {}),
    ((50, 70, 3), {}),
    ((50, 70, 4), {}),
    ((50, 70, 3), {"channel": 1}),
    ((2, 50, 70), {"channel_axis": 0}),
    ((2, 50, 70), {"channel_axis": 0, "channel": 1}),
    ((50, 70, 5), {"channel_axis": -1, "channel": 4}),
]


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
def test_parts_are_those_of_the_prepared_image(
    shape: tuple[int, ...], layout: dict[str, Any], kind: str, tmp_path: Path
) -> None:
    image = pixels(*shape)
    lazy: Any = image
    if kind == "dask":
        lazy = da.from_array(image, chunks=17)
    if kind == "zarr":
        lazy = zarr.create_array(
            tmp_path / "a.zarr", data=image, chunks=(16,) * image.ndim
        )
    plane = Plane([lazy], **layout)
    whole = prepare(image, **layout)
    assert plane.shape == whole.shape[1:]
    for box in ((slice(3, 20), slice(45, 70)), (slice(0, 30), slice(40, 200))):
        np.testing.assert_array_equal(plane[:, *box], whole[:, *box])
    np.testing.assert_array_equal(plane.loaded().prepared(), whole)


@given(height=st.integers(1, 90), width=st.integers(1, 90), most=st.integers(10, 9000))
def test_limits_are_those_of_the_whole_image(
    height: int, width: int, most: int
) -> None:
    image = pixels(height + 1, width + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalise_module, "MAX_SAMPLE", most)
        expected = intensity_limits(image)
        assert Plane([image]).limits == expected


def test_the_overview_comes_from_the_coarsest_level_that_is_large_enough() -> None:
    levels = [np.full((4000 // 2**i, 3000 // 2**i), i) for i in range(4)]
    overview = Plane(levels).overview
    assert overview.shape == (2000, 1500) and (overview == 1).all()


@pytest.mark.parametrize(
    ("image", "layout", "words"),
    [
        (np.zeros((0, 5)), {}, "empty"),
        (np.zeros((4, 5, 6, 7)), {}, "which axes"),
        (np.zeros((2, 5, 6)), {"channel_axis": 0, "channel": 2}, "no channel 2"),
        (np.zeros((2, 5, 6)), {"channel_axis": 4}, "channel axis 4"),
        (np.zeros((5, 6), complex), {}, "complex128"),
    ],
)
def test_what_cannot_be_segmented_is_refused_unread(
    image: np.ndarray, layout: dict[str, Any], words: str
) -> None:
    with pytest.raises(ImageError, match=words):
        Plane([image], **layout)


def test_one_value_everywhere_is_refused() -> None:
    with pytest.raises(ImageError, match="same value"):
        Plane([np.full((50, 60), 7)]).limits  # noqa: B018


@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_a_plane_of_a_stack_is_the_plane_alone(kind: str, tmp_path: Path) -> None:
    film = pixels(3, 2, 50, 70)
    lazy: Any = film
    if kind == "dask":
        lazy = da.from_array(film, chunks=17)
    if kind == "zarr":
        lazy = zarr.create_array(tmp_path / "a.zarr", data=film, chunks=(1, 1, 20, 20))
    plane = Plane([lazy], (2,), channel_axis=1, channel=1)
    assert (plane.shape, plane.channels) == ((50, 70), 2)
    np.testing.assert_array_equal(plane.read(), film[2, 1])
    np.testing.assert_array_equal(plane.prepared(), prepare(film[2, 1]))
    across = Plane([lazy], (2, 1))
    np.testing.assert_array_equal(across.read(), film[2, 1])
    assert across.in_memory is (kind == "numpy") and across.loaded().in_memory


def test_frozen_planes_do_not_follow_their_array() -> None:
    image = pixels(50, 70)
    plane, before = Plane([image]), image.copy()
    frozen = plane.frozen()
    image[:] = 0
    np.testing.assert_array_equal(frozen.read(), before)
    lazy = Plane([da.from_array(image)])
    assert lazy.frozen() is lazy


GAPS = [np.nan, np.inf, -np.inf]


@pytest.mark.parametrize("gap", [*GAPS, "masked"])
@pytest.mark.parametrize("colour", [False, True])
def test_what_is_no_number_counts_as_background(gap: Any, colour: bool) -> None:
    image = soft(2, 60, 50, *([3] if colour else [])).astype(np.float32)
    holes = np.zeros((60, 50), bool)
    holes[10:20, 5:25] = holes[40, 40] = True
    broken: Any = image.copy()
    if gap == "masked":
        whole = image.astype(np.uint8)
        mask = holes[..., None].repeat(3, 2) if colour else holes
        broken = np.ma.array(whole, mask=mask)
    else:
        broken[holes] = gap
    plane = Plane([broken])
    np.testing.assert_array_equal(plane.unknown(), holes)
    low, high = np.percentile(image[~holes], (1, 99.8))
    assert plane.limits == pytest.approx((low, high))
    prepared = plane.prepared()
    expected = normalise(image, plane.limits)
    expected = np.moveaxis(expected, 2, 0) if colour else expected[None]
    assert not plane.smoothing and np.isfinite(prepared).all()
    np.testing.assert_array_equal(
        prepared[:, ~holes], np.broadcast_to(expected[:, ~holes], (3, (~holes).sum()))
    )
    median = np.median(expected[:, ~holes], axis=1)
    np.testing.assert_allclose(
        prepared[:, holes],
        np.broadcast_to(median[:, None], (3, holes.sum())),
        rtol=1e-6,
    )
    for same in (plane.loaded(), plane.frozen(), Plane([da.from_array(broken)])):
        np.testing.assert_array_equal(same.prepared(), prepared)
        np.testing.assert_array_equal(same.unknown(), holes)


def test_whole_numbers_are_not_searched_for_gaps() -> None:
    assert Plane([GREY]).unknown() is None


@pytest.mark.parametrize("dtype", ["f4", "f8", "g"])
@pytest.mark.parametrize("largest", [1e38, 3e38, 1e-38])
def test_extreme_numbers_look_like_others(dtype: str, largest: float) -> None:
    image = (GREY.astype(dtype) - 100) / 100 * np.dtype(dtype).type(largest)
    np.testing.assert_allclose(prepare(image), prepare(GREY), atol=1e-5)


def test_the_largest_numbers_of_double_precision() -> None:
    np.testing.assert_allclose(
        prepare((GREY - 100.0) / 100 * 1.7e308), prepare(GREY), atol=1e-5
    )


@pytest.mark.parametrize("dtype", ["i8", "u8"])
def test_large_whole_numbers_that_lie_apart(dtype: str) -> None:
    image = GREY.astype(dtype) * 2**54
    np.testing.assert_allclose(prepare(image), prepare(GREY), atol=1e-5)


@pytest.mark.parametrize("kind", ["numpy", "dask"])
@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((40, 30), {}),
        ((40, 30, 3), {}),
        ((40, 30, 4), {"rgb": True}),
        ((2, 40, 30), {"channel_axis": 0, "channel": 1}),
        ((40, 30, 2), {"channel": 1}),
    ],
)
@given(places=st.lists(st.integers(0, 5), min_size=1, max_size=4))
@settings(max_examples=10, deadline=None)
def test_axes_of_length_one_do_not_count(
    kind: str, shape: tuple[int, ...], options: dict[str, Any], places: list[int]
) -> None:
    image = soft(3, *shape)
    expected = prepare(image, **options)
    longer, more = image, dict(options)
    for place in places:
        axis = min(place, longer.ndim)
        if longer.shape[-1] != 30 and axis == longer.ndim:
            axis -= 1
        if "channel_axis" in more and axis <= more["channel_axis"]:
            more["channel_axis"] += 1
        longer = np.expand_dims(longer, axis)
    plane = Plane([longer if kind == "numpy" else da.from_array(longer)], **more)
    np.testing.assert_array_equal(plane.prepared(), expected)
    np.testing.assert_array_equal(replace(plane).prepared(), expected)
    assert plane.channels == (1 if len(shape) == 2 else min(shape[0], shape[-1]))


@pytest.mark.parametrize("channel", [None, 0, 1])
def test_a_last_axis_of_two_holds_channels(channel: int | None) -> None:
    image = soft(4, 40, 30, 2)
    plane = Plane([image], channel=channel)
    assert (plane.channels, plane.shape) == (2, (40, 30))
    np.testing.assert_array_equal(plane.prepared(), prepare(image[..., channel or 0]))


def test_a_channel_that_is_asked_of_a_grey_image_is_said() -> None:
    grey = np.random.default_rng(0).integers(0, 200, (40, 50), np.uint8)
    assert Plane([grey], channel=0).notes == Plane([grey]).notes
    assert "one channel only, which was taken for channel 2" in " ".join(
        Plane([grey], channel=2).notes
    )
