"""Parts with the most contrast are found on an overview."""

import numpy as np

from napari_pmrnet.segmentation.contrast import liveliest_boxes, overview_of
from napari_pmrnet.segmentation.plane import Plane


def test_the_liveliest_part_is_the_one_with_contrast() -> None:
    planes = np.zeros((3, 400, 500), np.float32)
    planes[:, 300:390:9, 210:260] = 1
    overview = overview_of(planes)
    first, *others = liveliest_boxes(overview, (400, 500), 128)
    part = planes[:, *first]
    assert part.shape == (3, 128, 128)
    assert part.std() > max(planes[:, *box].std() for box in others)
    whole = [(slice(0, 400), slice(0, 450))], [(slice(0, 400), slice(0, 500))]
    assert next(liveliest_boxes(overview, (400, 500), 450))[0] == whole[0][0][0]
    assert list(liveliest_boxes(overview, (400, 500), 999)) == whole[1]


def test_a_plane_and_its_pixels_are_looked_at_in_the_same_place() -> None:
    image = np.random.default_rng(0).integers(0, 99, (2300, 2200)).astype(np.uint8)
    image[1500:1600, 300:400] *= 2
    plane = Plane([image])
    boxes = [
        next(liveliest_boxes(overview_of(one), (2300, 2200), 300))
        for one in (plane, plane.prepared())
    ]
    for rows, columns in boxes:
        assert rows.start <= 1550 < rows.stop and columns.start <= 350 < columns.stop
        assert rows.stop - rows.start == columns.stop - columns.start == 300
