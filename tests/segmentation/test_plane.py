"""Images of every kind become the same three planes, or a message that helps."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.normalise import intensity_limits, normalise
from napari_pmrnet.segmentation.plane import prepare


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
        (np.full((9, 9), np.nan), {}, "NaN"),
        (np.where(np.eye(50) > 0, np.inf, GREY[:50, :30].sum()), {}, "NaN or inf"),
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
