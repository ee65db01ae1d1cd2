"""Sizes that are no multiple of 8 are refused in words."""

import pytest

from napari_pmrnet.network import STRIDE, check_size


@pytest.mark.parametrize(
    ("size", "need"),
    [((30, 64), "32 x 64"), ((64, 1), "64 x 8"), ((0, 8), "8 x 8")],
)
def test_a_size_that_does_not_halve_is_refused_with_the_next(size, need) -> None:
    with pytest.raises(ValueError, match=f"Pad it to {need}"):
        check_size(*size)


def test_multiples_pass() -> None:
    check_size(STRIDE, 5 * STRIDE)
