"""Time the segmentation of a visible field in an image of 4096 x 4096 pixels.

python scripts/experiments/time_field.py --field 512
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models import Model
from napari_pmrnet.segmentation.region import Region

SIZE, CORNER = 4096, (1800, 1500)


@dataclass
class Clock:
    """Time and the processor's work that went into the network."""

    passed: float = 0.0
    worked: float = 0.0


def main() -> None:
    """Print time and memory of one field, apart from the network's, and of a slider."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--field", type=int, default=512, help="its side in pixels")
    side = parser.parse_args().field
    tile, _ = make_fluorescence(seed=2018)
    image = np.tile(tile, (SIZE // len(tile), SIZE // len(tile)))
    model, network = load_model(), watch_network()
    settings = Settings(diameter=22)
    # The first windows of both sizes take longer.
    segment(image[:1500, :1500], settings, model, region=field(image[:1500, :1500], 9))
    network.passed = network.worked = 0.0
    before, start, work = peak(), time.perf_counter(), time.process_time()
    found = segment(image, settings, model, region=field(image, side))
    passed = time.perf_counter() - start - network.passed
    worked = time.process_time() - work - network.worked
    print(f"{len(found.objects)} nuclei on {side} x {side} of {SIZE} x {SIZE} pixels")
    print(f"network: {network.passed:.2f} s on {found.device}")
    print(f"all else: {passed:.2f} s, of which the processor worked {worked:.2f} s")
    print(f"peak of memory: {peak() - before:.0f} MB above that of the first windows")
    start, work = time.perf_counter(), time.process_time()
    found.relabel(Settings(diameter=22, probability_threshold=0.5))
    passed, worked = time.perf_counter() - start, time.process_time() - work
    print(f"threshold: {passed:.2f} s, of which the processor worked {worked:.2f} s")


def field(image: np.ndarray, side: int) -> Region:
    """A square that the canvas could show."""
    corner = tuple(min(c, n - side) for c, n in zip(CORNER, image.shape, strict=True))
    return Region(np.ones((side, side), bool), corner, image.shape)


def watch_network() -> Clock:
    """A clock that runs while windows go through the network."""
    clock, predict_tiles, begin = Clock(), Model.predict_tiles, Model.begin

    def timed(answer: Callable[[], np.ndarray]) -> np.ndarray:
        start, work = time.perf_counter(), time.process_time()
        maps = answer()
        clock.passed += time.perf_counter() - start
        clock.worked += time.process_time() - work
        return maps

    Model.predict_tiles = lambda *args: timed(lambda: predict_tiles(*args))
    Model.begin = lambda *args: partial(timed, begin(*args))
    return clock


def peak() -> float:
    """Largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
