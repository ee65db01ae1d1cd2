"""Sizes above which labels go to disk."""

import pytest

from napari_pmrnet.segmentation.sizes import has_large_labels, is_large_plane


@pytest.mark.parametrize(
    ("side", "loaded", "expected"),
    [
        (4096, False, False),
        (4097, False, True),
        (4097, True, False),
        (9000, True, True),
    ],
)
def test_only_lazy_planes_go_to_disk_before_memory_is_short(
    side: int, loaded: bool, expected: bool
) -> None:
    assert is_large_plane((side, side), loaded) is expected


def test_labels_of_many_small_planes_are_large() -> None:
    assert not has_large_labels((256, 1024, 1024))
    assert has_large_labels((257, 1024, 1024)) and has_large_labels((4097, 4097))
