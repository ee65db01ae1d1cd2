"""Measure what each room adds to the wheel, as the table in docs/architecture.md.

    python scripts/dev/measure_wheel.py [WHEEL]

Without a wheel one is built of this checkout, with hatchling and its plugins as they
are installed. A room counts with all that lies in it but weights.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PACKAGE = "napari_pmrnet"
WEIGHTS = ".safetensors"


def main() -> None:
    """Print a row a room, the largest first, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path)
    wheel = parser.parse_args().wheel
    with tempfile.TemporaryDirectory() as name:
        rooms = measure(wheel or build(Path(name)))
    print("| room | files | KB in the wheel | KB installed |")
    print("| --- | --- | --- | --- |")
    rows = sorted(rooms.items(), key=lambda item: -item[1][1])
    total = [sum(column) for column in zip(*rooms.values(), strict=True)]
    for room, (files, packed, whole) in [*rows, ("all", total)]:
        print(f"| {room} | {files} | {packed / 1000:,.0f} | {whole / 1000:,.0f} |")


def build(folder: Path) -> Path:
    """Build the wheel of this checkout in a folder."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(
        [*command, "-d", folder], cwd=CHECKOUT, check=True, capture_output=True
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def measure(wheel: Path) -> dict[str, list[int]]:
    """Number of files of each room of a wheel, and their bytes in it and unpacked."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for entry in zipfile.ZipFile(wheel).infolist():
        counts = rooms[room_of(entry.filename)]
        counts[0] += 1
        counts[1] += entry.compress_size
        counts[2] += entry.file_size
    return dict(rooms)


def room_of(path: str) -> str:
    """Return what a file of the wheel counts for."""
    top, *rest = path.split("/")
    if top != PACKAGE:
        return "licences and metadata"
    if path.endswith(WEIGHTS):
        return f"the weights `{rest[-1].removesuffix(WEIGHTS)}`"
    return f"`{rest[0]}/`" if len(rest) > 1 else "modules of no room"


if __name__ == "__main__":
    main()
