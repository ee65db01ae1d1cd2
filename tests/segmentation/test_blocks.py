"""Blocks put together: numbers in order, and what two blocks claim becomes one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_pmrnet.segmentation.blocks import BlockNuclei, Stitcher


def block(column: int, left: int, labels: list[list[int]]) -> BlockNuclei:
    """A block of the first row."""
    array = np.array(labels, np.int32)
    rows = []
    for label in range(1, array.max() + 1):
        y, x = np.nonzero(array == label)
        rows.append(
            {
                "certainty": label / 10,
                "area": len(y),
                "centroid_y": y.mean(),
                "centroid_x": x.mean() + left,
            }
        )
    return BlockNuclei(0, column, (0, left), array, pd.DataFrame(rows))


def test_numbers_go_on_from_block_to_block() -> None:
    image = np.zeros((2, 6), np.int32)
    stitcher = Stitcher(image)
    stitcher.add(block(0, 0, [[1, 0, 2], [1, 0, 2]]))
    stitcher.add(BlockNuclei(0, 1, (0, 0), np.zeros((0, 0), np.int32), pd.DataFrame()))
    stitcher.add(block(2, 4, [[1, 1], [0, 2]]))
    assert image.tolist() == [[1, 0, 2, 0, 3, 3], [1, 0, 2, 0, 0, 4]]
    assert stitcher.table()["label"].tolist() == [1, 2, 3, 4]
    assert stitcher.count == 4


def test_a_nucleus_that_two_blocks_claim_is_one() -> None:
    image = np.zeros((1, 8), np.int32)
    stitcher = Stitcher(image)
    stitcher.add(block(0, 0, [[1, 1, 1, 1]]))
    stitcher.add(block(1, 2, [[1, 1, 1, 0, 2]]))
    assert image.tolist() == [[1, 1, 1, 1, 1, 0, 2, 0]]
    table = stitcher.table()
    assert table["label"].tolist() == [1, 2] and table["area"].tolist() == [5, 1]
    assert table["centroid_x"].tolist() == [2, 6]
    assert table["certainty"].tolist() == [0.1, 0.2]


def test_neighbours_that_share_a_few_pixels_stay_two() -> None:
    image = np.zeros((1, 12), np.int32)
    stitcher = Stitcher(image)
    stitcher.add(block(0, 0, [[1, 1, 1, 1, 1, 1]]))
    stitcher.add(block(1, 5, [[1, 1, 1, 1, 1, 1]]))
    assert image.tolist() == [[1] * 6 + [2] * 5 + [0]]
    table = stitcher.table()
    assert table["area"].tolist() == [6, 5]
    assert table["centroid_x"].tolist() == [2.5, 8]
