"""Maps of true labels are what their names say."""

import numpy as np
import pytest

from napari_pmrnet.benchmark.peers.targets import star, to_centre
from napari_pmrnet.training.targets import inner_distance

LABELS = np.zeros((20, 30), np.int32)
LABELS[2:13, 3:14] = 1
LABELS[2:13, 14:25] = 2


def test_depth_is_one_in_the_middle_also_of_touching_nuclei() -> None:
    found = inner_distance(LABELS)
    assert found[7, 8] == found[7, 19] == 1 and found.max() == 1
    assert (found[LABELS == 0] == 0).all() and (found[LABELS > 0] > 0).all()
    assert found[7, 13] < 0.3 and found[7, 14] < 0.3


def test_rays_end_at_the_rim_of_their_own_nucleus() -> None:
    found = star(LABELS, 4, 1)
    assert found[7, 8].tolist() == [6, 6, 6, 6]
    assert found[4, 5].tolist() == [9, 9, 3, 3]
    assert found[0, 0].tolist() == [0, 0, 0, 0]
    np.testing.assert_array_equal(star(LABELS, 4, 2), found[::2, ::2])


def test_rays_end_at_the_edge_of_the_image() -> None:
    assert star(np.ones((5, 5), np.int32), 4, 1)[2, 2].tolist() == [3, 3, 3, 3]


def test_every_pixel_points_to_the_centre_of_its_nucleus() -> None:
    offsets = to_centre(LABELS)
    rows, columns = np.mgrid[:20, :30] + offsets
    assert rows[LABELS == 2] == pytest.approx(7)
    assert columns[LABELS == 2] == pytest.approx(19)
    assert not offsets[:, LABELS == 0].any()
