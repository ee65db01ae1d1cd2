"""Compare keeping the maps of a segmented image with making them again on opening.

python scripts/experiments/time_maps.py [IMAGE ...]

Without images, generated ones of a megapixel, fluorescent and stained.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_pmrnet import segment
from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.labels import write_labels

SIDE, NUCLEI, TURNS = 1024, 500, 3
WAYS = {
    "float32, zstd": ("f4", "zstd"),
    "float32, deflate": ("f4", "zlib"),
    "float16, zstd": ("f2", "zstd"),
}


def main() -> None:
    """Print sizes and seconds, image by image."""
    for name, image in images():
        segment(image)  # the network is loaded, and its kernels are chosen
        found, made = timed(segment, image)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            tifffile.imwrite(place / "image.tif", image)
            write_labels(place / "labels.tif", found.labels)
            sizes = [size(place / f"{part}.tif") for part in ("image", "labels")]
            print(f"{name}: image {sizes[0]:.2f} MB, labels {sizes[1]:.2f} MB")
            print(f"  made again by the network: {made:.2f} s")
            maps = np.stack([*found.maps.values(), *found.flows])
            for way, (kind, compression) in WAYS.items():
                told = kept(place / "maps.tif", maps.astype(kind), compression)
                print(f"  kept as {way}: {told}")


def images() -> list[tuple[str, np.ndarray]]:
    """Images named, or generated ones."""
    if sys.argv[1:]:
        return [(path, read_image(path)[0].data) for path in sys.argv[1:]]
    shape = (SIDE, SIDE)
    return [
        ("fluorescence", make_fluorescence(shape, n=NUCLEI)[0]),
        ("stained", make_stained(shape, n=NUCLEI)[0]),
    ]


def kept(path: Path, maps: np.ndarray, compression: str) -> str:
    """Size of maps on disk, and seconds to write and to read them."""
    options = {"compression": compression, "predictor": True, "rowsperstrip": 64}
    _, wrote = timed(tifffile.imwrite, path, maps, **options)
    _, took = timed(tifffile.imread, path)
    return f"{size(path):.2f} MB, written in {wrote:.2f} s, read in {took:.2f} s"


def size(path: Path) -> float:
    """Megabytes of a file."""
    return path.stat().st_size / 1e6


def timed(job: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, float]:
    """Outcome of a job, and the least seconds that it took."""
    times = []
    for _ in range(TURNS):
        start = time.perf_counter()
        result = job(*args, **options)
        times.append(time.perf_counter() - start)
    return result, min(times)


if __name__ == "__main__":
    main()
