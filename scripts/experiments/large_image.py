"""Segment a large image tiled from real ones: time, memory, nuclei.

    python scripts/experiments/large_image.py --data DIR --side 20000 --work DIR

Tiles of test images with many nuclei are laid out in an order that never changes, each
turned or mirrored anew, until the side is full. The image is written once, as Zarr,
then segmented in a process of its own whose memory is watched from outside. Every run
adds a row to ``large_image.csv``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.report import markdown_table
from napari_pmrnet.io.images import open_image
from napari_pmrnet.segmentation.diameter import typical_diameter
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.normalise import intensity_limits, normalise
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.segment_stack import segment_planes
from napari_pmrnet.segmentation.stack import Stack
from napari_pmrnet.settings import Settings

TILE = 256
MEGABYTE = 1e6


def tiles(data: Path, fewest: int, smallest: float) -> list[np.ndarray]:
    """Tiles (`TILE`, `TILE`) of test images of fluorescence, with contrast in full."""
    dataset = PackedDataset(data, subset="test")
    found = []
    for name in dataset.table.index[dataset.table["modality"].isin(["a", "f"])]:
        image, labels = (array[:TILE, :TILE] for array in dataset.load(name))
        enough = len(np.unique(labels)) > fewest
        if not enough or (typical_diameter(labels) or 0) < smallest:
            continue
        grey = image.astype(float) if image.ndim == 2 else image[..., :3].mean(axis=-1)
        found.append((255 * normalise(grey, intensity_limits(grey))).astype("u1"))
    return found


def row_of_tiles(source: list[np.ndarray], number: int, width: int) -> np.ndarray:
    """A row (`TILE`, width) of the image."""
    count = -(-width // TILE)
    row = []
    for column in range(count):
        draw = np.random.default_rng((number, column)).integers(len(source) * 8)
        tile = np.rot90(source[draw // 8], draw % 4)
        row.append(tile[:, ::-1] if draw % 8 > 3 else tile)
    return np.hstack(row)[:, :width]


def write_image(path: Path, source: list[np.ndarray], side: int, chunk: int) -> None:
    """Write the image as Zarr in chunks of any size, a row of tiles at a time."""
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array(
        "0", shape=(side, side), chunks=(chunk, chunk), dtype="u1"
    )
    rows = max(1, chunk // TILE) * TILE
    for top in range(0, side, rows):
        band = np.vstack(
            [
                row_of_tiles(source, number, side)
                for number in range(top // TILE, (top + rows) // TILE)
            ]
        )
        array[top : top + rows] = band[: side - top]
    axes = [{"name": name, "type": "space"} for name in "yx"]
    level = {
        "path": "0",
        "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0]}],
    }
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]


def segment_here(path: Path, output: Path) -> None:
    """Segment an image in this process; print what it took as JSON."""
    stack = Stack.of(open_image(path)[0])
    started = time.perf_counter()
    steps = segment_planes(stack, Settings(), None, path.stem, store=LabelStore(output))
    result = run_to_end(steps)
    print(
        json.dumps(
            {
                "wall s": time.perf_counter() - started,
                "processor s": time.process_time(),
                "nuclei": len(result.objects),
                "diameter": result.diameter,
                "device": result.device,
            }
        )
    )


def watched(command: list[str]) -> tuple[dict[str, float], float]:
    """Output of a command, and the most memory it held, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    most = [0]

    def watch() -> None:
        while process.poll() is None:
            most[0] = max(most[0], resident(process.pid))
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    printed, _ = process.communicate()
    watcher.join()
    if process.returncode:
        raise SystemExit(process.returncode)
    return json.loads(printed.splitlines()[-1]) if printed.strip() else {}, most[0]


def resident(pid: int) -> int:
    """Memory a process holds, in bytes; Linux only."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Make the image, segment it, add a row to the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="folder for all files")
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--chunk", type=int, default=1024)
    parser.add_argument("--fewest", type=int, default=35, help="nuclei in a tile")
    parser.add_argument("--smallest", type=float, default=20, help="pixels across")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    name = f"tiled-{arguments.side}-{arguments.chunk}"
    output = arguments.work / f"{name}_labels.zarr"
    if arguments.here:
        segment_here(arguments.here, output)
        return
    path = arguments.work / f"{name}.zarr"
    if not path.exists():
        source = tiles(arguments.data, arguments.fewest, arguments.smallest)
        print(f"{len(source)} tiles", file=sys.stderr)
        write_image(path, source, arguments.side, arguments.chunk)
    idle = [sys.executable, "-c", "import time; time.sleep(1)"]
    _, interpreter = watched(idle)
    again = [sys.executable, __file__, *sys.argv[1:], "--here", str(path)]
    told, most = watched(again)
    row = {
        "side": arguments.side,
        "chunk": arguments.chunk,
        **told,
        "processor s a megapixel": told["processor s"] / arguments.side**2 * 1e6,
        "MB above the interpreter": (most - interpreter) / MEGABYTE,
    }
    table = arguments.work / "large_image.csv"
    rows = pd.read_csv(table).to_dict("records") if table.exists() else []
    frame = pd.DataFrame([*rows, row]).round(4)
    frame.to_csv(table, index=False)
    print(markdown_table(frame))


if __name__ == "__main__":
    main()
