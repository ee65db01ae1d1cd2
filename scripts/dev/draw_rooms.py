"""Draw the rooms of the code and what each imports, as docs/images/rooms.svg.

    python scripts/dev/draw_rooms.py

Floors are those of the contract in pyproject.toml: a room imports from floors below
its own only. An arrow is as wide as the imports it stands for; those to `BASE`, which
nearly every module imports, are left out.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import grimp
import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot
from matplotlib.patches import FancyArrowPatch

ROOT = Path(__file__).parents[2]
PACKAGE = "napari_pmrnet"
OUTPUT = ROOT / "docs" / "images" / "rooms.svg"
HEIGHT = 0.62
BASE = ("settings", "_runtime", "errors")


def floors() -> list[list[str]]:
    """Return the rooms of each floor, the top one first."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    layers = next(c["layers"] for c in contracts if c["containers"] == [PACKAGE])
    return [[room.strip() for room in layer.split(":")] for layer in layers]


def imports() -> Counter[tuple[str, str]]:
    """Return how many imports lead from one room to another."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    counts: Counter[tuple[str, str]] = Counter()
    for module in graph.modules:
        for found in graph.find_modules_directly_imported_by(module):
            ends = _room(module), _room(found)
            if all(ends) and ends[0] != ends[1]:
                counts[ends] += 1
    return counts


def sizes() -> dict[str, int]:
    """Return the number of modules of each room."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    return Counter(room for module in graph.modules if (room := _room(module)))


def draw(counts: Counter[tuple[str, str]], modules: dict[str, int]) -> None:
    """Write the picture to `OUTPUT`."""
    matplotlib.rcParams["svg.hashsalt"] = PACKAGE
    storeys = [f for f in floors() if not set(f) & set(BASE)] + [list(BASE)]
    figure, axes = pyplot.subplots(figsize=(9, 11))
    places = {}
    for row, rooms in enumerate(storeys):
        for column, room in enumerate(rooms):
            # A zigzag, so that arrows between floors do not run through boxes.
            shift = 0.0 if len(rooms) > 1 else (-1.6, 0.0, 1.6, 0.0)[row % 4]
            x = shift + (column - (len(rooms) - 1) / 2) * 3.2
            places[room] = (x, -1.05 * row)
    widest = max(counts.values())
    for (start, end), count in counts.items():
        if end in BASE:
            continue
        (x0, y0), (x1, y1) = places[start], places[end]
        arrow = FancyArrowPatch(
            (x0, y0 - HEIGHT / 2),
            (x1, y1 + HEIGHT / 2),
            connectionstyle=f"arc3,rad={0.16 if x1 >= x0 else -0.16}",
            arrowstyle="-|>",
            mutation_scale=9,
            linewidth=0.4 + 3 * count / widest,
            color="#4a6fa5" if y1 < y0 else "#c0392b",
            alpha=0.45,
            zorder=1,
        )
        axes.add_patch(arrow)
    for room, (x, y) in places.items():
        number = modules.get(room, 0)
        text = room if number < 2 else f"{room}\n{number} modules"
        axes.text(
            x,
            y,
            text,
            ha="center",
            va="center",
            fontsize=9,
            zorder=2,
            bbox={"boxstyle": "round,pad=0.35", "fc": "#f4f6fa", "ec": "#2c3e50"},
        )
    axes.set_xlim(-3.4, 3.4)
    axes.set_ylim(-1.05 * len(storeys) + 0.4, 0.6)
    axes.axis("off")
    figure.tight_layout()
    figure.savefig(OUTPUT, metadata={"Date": None})


def _room(module: str) -> str:
    """Return the room of a module, empty for the package itself and its command."""
    room = module.split(".")[1] if "." in module else ""
    return "" if room.startswith("__") else room


def main() -> None:
    """Draw the picture and print the heaviest arrows."""
    counts = imports()
    draw(counts, sizes())
    print(OUTPUT.relative_to(ROOT))
    for (start, end), count in counts.most_common(8):
        print(f"{count:4}  {start} -> {end}")


if __name__ == "__main__":
    main()
