"""Planes that are read part by part: the same pixels, limits and complaints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation import normalise
from napari_pmrnet.segmentation.plane import LargePlane, prepare


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
    plane = LargePlane([lazy], **layout)
    whole = prepare(image, **layout)
    assert plane.shape == whole.shape[1:]
    part = plane.read((slice(-5, 30), slice(40, 200)))
    assert part.shape == whole.shape
    box = slice(3, 20), slice(45, 70)
    np.testing.assert_array_equal(part[:, *box], whole[:, *box])


@given(height=st.integers(1, 90), width=st.integers(1, 90), most=st.integers(10, 9000))
def test_limits_are_those_of_the_whole_image(
    height: int, width: int, most: int
) -> None:
    image = pixels(height + 1, width + 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalise, "MAX_SAMPLE", most)
        expected = normalise.intensity_limits(image)
        assert LargePlane([image]).limits == expected


def test_the_overview_comes_from_the_coarsest_level_that_is_large_enough() -> None:
    levels = [np.full((4000 // 2**i, 3000 // 2**i), i) for i in range(4)]
    overview = LargePlane(levels).overview()
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
        LargePlane([image], **layout)


def test_one_value_everywhere_is_refused() -> None:
    with pytest.raises(ImageError, match="same value"):
        LargePlane([np.full((50, 60), 7)]).limits  # noqa: B018
