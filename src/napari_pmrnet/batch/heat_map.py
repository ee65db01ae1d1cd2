"""Heat maps of plates: how many nuclei each well has, and how certain they are.

Plain SVG that stands alone. Wells carry their number, so that nothing hangs on colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from napari_pmrnet.batch.plate import ROWS
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.io.ome_model import natural

PLATES = ((8, 12), (16, 24), (32, 48))
"""Rows and columns of plates; one is drawn as the smallest of these that holds it."""
COLOURS = (
    (0, 32, 77),
    (0, 51, 111),
    (57, 72, 107),
    (87, 92, 109),
    (112, 113, 115),
    (138, 135, 121),
    (166, 157, 117),
    (196, 181, 108),
    (228, 207, 91),
    (255, 234, 70),
)
"""Cividis, from few to many: rises in lightness, and looks the same to the
colour-blind (Nunez, Anderton and Renslow, PLOS ONE 13(7), 2018)."""
_WIDTH, _EDGE, _TALLEST = 720, 26, 40
_LEGEND, _LONGEST_HEAD = 200, 3
LEAST_TO_READ = 22
"""Pixels of a well from which on its number is written in it."""


@dataclass
class Well:
    """What was found in a well.

    Attributes
    ----------
    images, failed : int
        Images with labels, and without.
    nuclei : int
    certain : float
        Sum of the certainties of all nuclei.
    """

    images: int = 0
    failed: int = 0
    nuclei: int = 0
    certain: float = 0.0

    @property
    def certainty(self) -> float | None:
        """Mean certainty of the nuclei of all its images; None without nuclei."""
        return self.certain / self.nuclei if self.nuclei else None


def plates_of(rows: Iterable[Row]) -> dict[str, dict[str, Well]]:
    """Wells of every plate, by the folder of its images or its own name.

    Images whose well is not known are left out, and so are plates with a single well.
    """
    plates: dict[str, dict[str, Well]] = {}
    for row in rows:
        name = row.position.well
        if not name:
            continue
        plate = plates.setdefault(row.on_plate, {})
        well = plate.setdefault(name, Well())
        if row.error:
            well.failed += 1
            continue
        well.images += 1
        well.nuclei += row.nuclei or 0
        well.certain += (row.nuclei or 0) * (row.certainty or 0.0)
    return {name: wells for name, wells in plates.items() if len(wells) > 1}


def heat_maps(rows: Sequence[Row], nouns: tuple[str, str]) -> Iterator[str]:
    """Draw two maps for every plate, part by part of a page.

    Parameters
    ----------
    rows : sequence of Row
    nouns : tuple of str
        What was counted: one and many.
    """
    for name, wells in sorted(plates_of(rows).items()):
        counts = {k: float(w.nuclei) for k, w in wells.items() if w.images}
        certain = {k: w.certainty for k, w in wells.items() if w.certainty is not None}
        yield f'<section class="plate"><h3>{escape(name or "Plate")}</h3>\n'
        yield '<div class="maps">\n'
        most = max(counts.values(), default=0) or 1
        title = f"{nouns[1].capitalize()} in each well"
        yield _map(title, wells, counts, (0, most), "{:.0f}", nouns[1])
        low = math.floor(10 * min(certain.values(), default=0)) / 10
        title = f"Mean certainty of the {nouns[1]}"
        bounds = min(low, 0.9), 1.0
        yield _map(title, wells, certain, bounds, "{:.2f}", nouns[1])
        yield "</div></section>\n"


def _map(
    title: str,
    wells: dict[str, Well],
    values: dict[str, float],
    bounds: tuple[float, float],
    form: str,
    many: str,
) -> str:
    """One heat map with its legend."""
    heads, at = _grid(wells)
    rows, columns = map(len, heads)
    side = min(_TALLEST, (_WIDTH - _EDGE) / columns)
    width, height = _EDGE + columns * side, _EDGE + rows * side
    parts = [
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" '
        f'aria-label="{escape(title)}">'
    ]
    step = 1 if side >= LEAST_TO_READ else 4
    for column in range(0, columns, step):
        x = _EDGE + (column + 0.5) * side
        head = _short(heads[1][column])
        parts.append(f'<text class="axis" x="{x:g}" y="16">{head}</text>')
    for row in range(0, rows, 1 if side >= 12 else 2):
        y = _EDGE + (row + 0.5) * side + 4
        head = _short(heads[0][row])
        parts.append(f'<text class="axis" x="12" y="{y:g}">{head}</text>')
    for row in range(rows):
        for column in range(columns):
            corner = _EDGE + column * side, _EDGE + row * side
            name = at.get((row, column))
            if name is None:
                parts.append(_cell(corner, side, "none"))
                continue
            value = values.get(name)
            told = _told(name, wells[name], many)
            parts.append(_well(corner, side, told, value, bounds, form))
    parts.append(f"</svg>{_legend(bounds, form)}</figure>\n")
    return "".join(parts)


def _well(
    corner: tuple[float, float],
    side: float,
    told: str,
    value: float | None,
    bounds: tuple[float, float],
    form: str,
) -> str:
    """A well in its colour, with its number, and all about it under the mouse."""
    if value is None:
        inside, text, ink = _cell(corner, side, "missing"), "\u2013", None
    else:
        colour = colour_at(value, bounds)
        inside, text = _cell(corner, side, "well", colour), form.format(value)
        ink = ink_on(colour)
    written = ""
    if side >= LEAST_TO_READ:
        size = min(13.0, 1.6 * side / max(len(text), 3))
        fill = f' fill="{ink}"' if ink else ' class="ink"'
        x, y = corner[0] + side / 2, corner[1] + side / 2 + size * 0.35
        written = (
            f'<text x="{x:g}" y="{y:g}" font-size="{size:.3g}"{fill} '
            f'text-anchor="middle">{text}</text>'
        )
    return f"<g><title>{escape(told)}</title>{inside}{written}</g>"


def _cell(
    corner: tuple[float, float],
    side: float,
    kind: str,
    colour: tuple[int, int, int] | None = None,
) -> str:
    """The square of a well."""
    fill = "" if colour is None else f' fill="rgb{colour}"'
    return (
        f'<rect class="{kind}" x="{corner[0] + 1:g}" y="{corner[1] + 1:g}" '
        f'width="{side - 2:g}" height="{side - 2:g}" rx="3"{fill}/>'
    )


def _legend(bounds: tuple[float, float], form: str) -> str:
    """The scale of a map, and what wells without a number are."""
    stops = ", ".join(f"rgb{colour}" for colour in COLOURS)
    low, high = (form.format(bound) for bound in bounds)
    return (
        f'<div class="legend"><span>{low}</span><span class="scale" style="width:'
        f'{_LEGEND}px;background:linear-gradient(to right, {stops})"></span>'
        f'<span>{high}</span><span class="mark missing"></span>'
        '<span>nothing found or failed</span><span class="mark"></span>'
        "<span>no image</span></div>"
    )


def _told(name: str, well: Well, many: str) -> str:
    """All about a well in words."""
    images = f"{well.images} image" + ("" if well.images == 1 else "s")
    parts = [f"{name}: {well.nuclei:,} {many}", images]
    if well.certainty is not None:
        parts.insert(1, f"mean certainty {well.certainty:.2f}")
    if well.failed:
        parts.append(f"{well.failed} not segmented")
    return ", ".join(parts)


def _grid(
    wells: Iterable[str],
) -> tuple[tuple[list[str], list[str]], dict[tuple[int, int], str]]:
    """Names of rows and of columns, and the wells by their place.

    A plate is as large as usual ones are; one with other names has those that it needs.
    """
    named = {well: _row_and_column(well) for well in wells}
    if not any("/" in well for well in named):
        numbered = {w: (row, str(int(column))) for w, (row, column) in named.items()}
        tall = 1 + max(ROWS.index(row) for row, _ in numbered.values())
        wide = max(int(column) for _, column in numbered.values())
        high, broad = next(p for p in PLATES if tall <= p[0] and wide <= p[1])
        rows, columns = list(ROWS[:high]), [str(1 + i) for i in range(broad)]
        named = numbered
    else:
        rows, columns = (
            sorted(set(names), key=natural)
            for names in zip(*named.values(), strict=True)
        )
    at = {(rows.index(r), columns.index(c)): well for well, (r, c) in named.items()}
    return (rows, columns), at


def _row_and_column(well: str) -> tuple[str, str]:
    """Names of the row and the column of a well."""
    if "/" in well:
        row, _, column = well.partition("/")
        return row, column
    row = well.rstrip("0123456789")
    return row, well[len(row) :]


def _short(head: str) -> str:
    """Name of a row or column as it fits beside the map."""
    return escape(head if len(head) <= _LONGEST_HEAD else f"{head[:2]}\u2026")


def colour_at(value: float, bounds: tuple[float, float]) -> tuple[int, int, int]:
    """Colour of a value between two bounds.

    Examples
    --------
    >>> colour_at(0.0, (0.0, 1.0)), colour_at(2.0, (0.0, 1.0))
    ((0, 32, 77), (255, 234, 70))
    """
    low, high = bounds
    share = min(max((value - low) / (high - low), 0.0), 1.0) if high > low else 1.0
    place = share * (len(COLOURS) - 1)
    first = min(int(place), len(COLOURS) - 2)
    part = place - first
    mixed = (
        round(a + (b - a) * part)
        for a, b in zip(COLOURS[first], COLOURS[first + 1], strict=True)
    )
    red, green, blue = mixed
    return red, green, blue


def ink_on(colour: tuple[int, int, int]) -> str:
    """Black or white, whichever is read better on a colour."""
    return "#000" if luminance(colour) > 0.179 else "#fff"


def luminance(colour: tuple[int, int, int]) -> float:
    """Relative luminance of a colour, 0 to 1, by WCAG 2.1."""
    shares = (part / 255 for part in colour)
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in shares
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
