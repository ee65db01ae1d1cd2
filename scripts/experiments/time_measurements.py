"""Time the measurements of 10,000 nuclei on an image of 4096 x 4096 pixels.

python scripts/experiments/time_measurements.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from napari_pmrnet.proofreading.boxes import box_around
from napari_pmrnet.proofreading.measure import count_pixels, measure, measure_boxes

SIZE, ACROSS = 4096, 100
TOUCHED = 3


def main() -> None:
    """Print how long measuring takes, of all nuclei and of those an edit touches."""
    labels = ellipses()
    image = np.random.default_rng(1).random(labels.shape, np.float32)
    table = timed("measure all", measure, labels, {"image": image})
    timed("count pixels", count_pixels, labels)
    names = table.index[:TOUCHED]
    boxes = [(label, box_around(labels, label)) for label in names]
    readers = {"image": lambda box: image[box]}
    timed(f"measure {TOUCHED}", measure_boxes, labels, boxes, readers)
    print(f"{len(table)} nuclei, mean area {table['area'].mean():.0f} pixels")


def timed(task: str, job: Callable[..., Any], *args: Any) -> Any:
    """Do a job and print its time."""
    start, work = time.perf_counter(), time.process_time()
    result = job(*args)
    passed, worked = time.perf_counter() - start, time.process_time() - work
    print(f"{task}: {passed:.3f} s, of which the processor worked {worked:.3f} s")
    return result


def ellipses() -> np.ndarray:
    """Ellipses of 18 to 36 pixels across on a grid, int32."""
    rng, step = np.random.default_rng(0), SIZE // ACROSS
    offset = np.mgrid[:step, :step] - step / 2
    labels = np.zeros((SIZE, SIZE), np.int32)
    for index in range(ACROSS**2):
        radii, angle = rng.uniform(9, 18, 2), rng.uniform(0, np.pi)
        turn = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
        along = np.tensordot(turn, offset, 1) / radii[:, None, None]
        y, x = (step * n for n in divmod(index, ACROSS))
        labels[y : y + step, x : x + step][(along**2).sum(axis=0) < 1] = index + 1
    return labels


if __name__ == "__main__":
    main()
