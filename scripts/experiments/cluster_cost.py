r"""Cost of a megapixel on a cluster of processes, and by that of a 384-well plate.

python scripts/experiments/cluster_cost.py \
    --data DIR [--workers 1 2] [--fields 4] [--side 1024]

Measured are workers of one thread on this computer. More of them are calculated.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from distributed import Client, LocalCluster
from PIL import Image

from napari_pmrnet.batch import BatchReport, segment_files
from napari_pmrnet.io.pictures import read_picture
from napari_pmrnet.segmentation import Settings

TILE = 256
WELLS, FIELDS_A_WELL, FIELD_SIDE = 384, 4, 2048
CALCULATED = (1, 8, 64)


class Measured(NamedTuple):
    """A run of all fields with some workers.

    `start` is a run of one tile a worker, which begins with loading. `worked` is the
    time that workers had files at hand, `computed` their processor time. All in
    seconds.
    """

    workers: int
    start: float
    wall: float
    worked: float
    computed: float
    report: BatchReport


def main() -> None:
    """Print the cost with each number of workers, and that of a plate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--fields", type=int, default=4)
    parser.add_argument("--side", type=int, default=1024)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiles = real_tiles(arguments.data, arguments.fields, arguments.side)
        fields = write_fields(tiles, folder, arguments.fields, arguments.side)
        small = [
            folder / f"tile{number}.png" for number in range(max(arguments.workers))
        ]
        for path, tile in zip(small, tiles, strict=False):
            Image.fromarray(tile).save(path)
        runs = [measure(n, fields, small[:n], folder) for n in arguments.workers]
    megapixels = arguments.fields * arguments.side**2 / 1e6
    nuclei = sum(row.nuclei for row in runs[0].report.rows)
    print(
        f"{arguments.fields} fields of {arguments.side} x {arguments.side} pixels, "
        f"tiled from {len(tiles)} images, {nuclei} nuclei; {runs[0].report.device}\n"
    )
    print(costs(runs, megapixels), plate(runs[-1], megapixels), sep="\n")


def real_tiles(data: Path, fields: int, side: int) -> list[np.ndarray]:
    """As many fluorescence images of the test split as the fields hold, cropped."""
    table = pd.read_csv(data / "split.csv")
    large = (table["height"] >= TILE) & (table["width"] >= TILE)
    chosen = table[(table["split"] == "test") & (table["modality"] == "f") & large]
    names = chosen["image_id"].head(fields * (side // TILE) ** 2)
    pictures = (read_picture(data / "images" / f"{name}.png") for name in names)
    grey = (p if p.ndim == 2 else p[..., :3].mean(axis=2) for p in pictures)
    return [picture[:TILE, :TILE].astype(np.uint8) for picture in grey]


def write_fields(
    tiles: list[np.ndarray], folder: Path, count: int, side: int
) -> list[Path]:
    """Fields of tiles side by side, the tiles again in turn where they run out."""
    across = side // TILE
    turn, paths = cycle(tiles), []
    for number in range(count):
        rows = [np.hstack([next(turn) for _ in range(across)]) for _ in range(across)]
        paths.append(folder / f"field{number}.png")
        Image.fromarray(np.vstack(rows)).save(paths[-1])
    return paths


def measure(
    workers: int, fields: list[Path], small: list[Path], folder: Path
) -> Measured:
    """Start a cluster and segment all fields on it."""
    settings = Settings(device="cpu")
    with LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        address = cluster.scheduler_address
        began = time.perf_counter()
        segment_files(small, folder / f"small{workers}", settings, scheduler=address)
        start = time.perf_counter() - began
        began, before = time.perf_counter(), processor_time(cluster)
        report = segment_files(
            fields, folder / f"labels{workers}", settings, scheduler=address
        )
        wall = time.perf_counter() - began
        computed = processor_time(cluster) - before
    worked = sum(row.seconds for row in report.rows)
    return Measured(workers, start, wall, worked, computed, report)


def processor_time(cluster: LocalCluster) -> float:
    """Seconds that all workers have computed since they were started."""
    with Client(cluster) as client:
        return sum(client.run(time.process_time).values())


def costs(runs: list[Measured], megapixels: float) -> str:
    """Table of what was measured."""
    lines = [
        "| workers | start, s | run, s | worker seconds a megapixel "
        "| of it with a file at hand | processor seconds a megapixel |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {run.workers} | {run.start:.1f} | {run.wall:.1f} "
        f"| {run.workers * run.wall / megapixels:.1f} "
        f"| {run.worked / megapixels:.1f} | {run.computed / megapixels:.1f} |"
        for run in runs
    ]
    return "\n".join([*lines, ""])


def plate(run: Measured, megapixels: float) -> str:
    """Table of a plate, calculated from a run."""
    a_field = FIELD_SIDE**2 / 1e6
    files = WELLS * FIELDS_A_WELL
    lines = [
        f"{WELLS} wells x {FIELDS_A_WELL} fields of {FIELD_SIDE} x {FIELD_SIDE} pixels "
        f"= {files * a_field:,.0f} megapixels in {files} files, calculated from the "
        f"run with {run.workers} workers.\n",
        "| workers | hours, as measured | hours, each with a core of its own |",
        "| --- | --- | --- |",
    ]
    for workers in CALCULATED:
        rounds = ceil(files / workers) * a_field / megapixels
        measured = run.start + rounds * run.workers * run.wall
        own = run.start + rounds * run.computed
        lines.append(f"| {workers} | {measured / 3600:.1f} | {own / 3600:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
