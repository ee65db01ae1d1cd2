"""The contact sheet: one page with all images of a batch, the least certain first.

The page stands alone: pictures and style are inside, so it can be sent by mail. The
links lead to images and labels, relative to the page.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path, PurePath
from urllib.parse import quote

from napari_pmrnet.batch.heat_map import heat_maps
from napari_pmrnet.batch.job import quoted
from napari_pmrnet.batch.summary import Row, worst_first
from napari_pmrnet.batch.thumbnail import DOUBTFUL_COLOUR, SURE_COLOUR
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.segmentation.objects import DOUBT_LIMIT

MOST = 1000
"""Pictures of a page; a thousand keep it under 30 MB."""
_LOW, _HIGH = 0.6, 0.8
_CHANCE = "Certainty is the estimated probability that a label is right."
_MEAN = "Certainty is the mean of that of a label's pixels."
HEAD = '<!doctype html>\n<html lang="en">\n<head>\n'
TITLE = "<title>Contact sheet: "
OPENS = "Opens this image and its labels in napari: click, copy, run in a terminal"
_STYLE = Path(__file__).with_name("contact_sheet.css")


def as_html(
    rows: Sequence[Row],
    picture: Callable[[str], Path],
    about: Mapping[str, str],
    table: str,
    folder: Path,
) -> bytes:
    """Make the contact sheet.

    Parameters
    ----------
    rows : sequence of Row
        In any order. Of more than `MOST` the worst are shown.
    picture : callable
        Path of the thumbnail of a file; it may be missing.
    about : mapping of str
        How the labels were made, by name.
    table : str
        Name of the table beside the page.
    folder : Path
        Where the page lies, for the command that opens an image of it in napari.
    """
    parts = _page(sorted(rows, key=worst_first), picture, about, table, folder)
    return b"".join(part.encode(errors="backslashreplace") for part in parts)


def _page(
    rows: Sequence[Row],
    picture: Callable[[str], Path],
    about: Mapping[str, str],
    table: str,
    folder: Path,
) -> Iterator[str]:
    """The page, part by part."""
    failed = [row for row in rows if row.error]
    shown = rows[len(failed) :]
    yield (
        f'{HEAD}<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{TITLE}{_count(len(rows), 'file')}</title>\n"
        f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
    )
    yield from _head(shown, len(failed), about, table)
    maps = "".join(heat_maps(rows, _nouns(shown)))
    if maps:
        yield f"<h2>Plates</h2>\n{maps}"
    if failed:
        yield f"<h2>{_count(len(failed), 'file')} not segmented</h2>\n"
        yield '<table class="failed">\n'
        yield from (
            f'<tr><td>{_link(row.file, row.name)}</td><td class="low">'
            f"{escape(row.error)}</td></tr>\n"
            for row in failed
        )
        yield "</table>\n"
    if shown:
        yield "<h2>Least certain first</h2>\n"
        yield '<main class="cards">\n'
        yield from (_card(row, picture(row.key), folder) for row in shown[:MOST])
        yield "</main>\n"
    if len(shown) > MOST:
        rest = _count(len(shown) - MOST, "file")
        yield f'<p class="lead">{rest} more, all of higher certainty, in '
        yield f"{_link(table, table)}.</p>\n"
    yield "</body>\n</html>\n"


def _head(
    rows: Sequence[Row], failed: int, about: Mapping[str, str], table: str
) -> Iterator[str]:
    """Title, totals, key and how it was made."""
    kinds = {row.kind for row in rows} or {LabelKind.NUCLEI}
    meaning = _CHANCE if kinds == {LabelKind.NUCLEI} else _MEAN
    one, many = _nouns(rows)
    nuclei = sum(row.nuclei or 0 for row in rows)
    weighted = sum((row.certainty or 0) * (row.nuclei or 0) for row in rows)
    words = [_count(len(rows), "file"), _count(nuclei, one, many)]
    if nuclei:
        words.append(f"mean certainty {weighted / nuclei:.2f}")
    if failed:
        words.append(f"{failed} not segmented")
    yield f'<h1>Contact sheet</h1>\n<p class="lead">{" · ".join(words)}</p>\n'
    yield (
        f'<div class="small">Outlines:<span class="key" style="color:'
        f'rgb{SURE_COLOUR}"></span>{one}<span class="key" style="color:'
        f'rgb{DOUBTFUL_COLOUR}"></span>doubtful {one}, certainty below '
        f"{DOUBT_LIMIT:g}. {meaning} "
        f"All figures: {_link(table, table)}.</div>\n"
    )
    made = {**about, "Written": f"{datetime.now():%Y-%m-%d %H:%M}"}
    lines = (f"{escape(k)}: <code>{escape(v)}</code>" for k, v in made.items())
    yield f'<p class="about">{"<br>".join(lines)}</p>\n'


def _card(row: Row, picture: Path, folder: Path) -> str:
    """One file: picture, name, certainty, figures, links, and how to open it."""
    image = '<span class="small">no picture</span>'
    if picture.is_file():
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        source = f"data:image/jpeg;base64,{data}"
        image = f'<img src="{source}" alt="{escape(row.name)}" loading="lazy">'
    facts = [_link(row.labels, "labels")]
    if row.planes and row.planes > 1:
        facts.append(f"{row.planes} planes")
    if row.pixel_height and row.pixel_width:
        facts.append(_pixel_size(row))
    if row.seconds is not None:
        facts.append(f"{row.seconds:.1f} s")
    note = f'<div class="small">{escape(row.note)}</div>' if row.note else ""
    file, name = escape(row.key), _link(row.file, row.name)
    return (
        f'<article class="card"><a class="picture" href="{_href(row.file)}">{image}</a>'
        f'<div class="name" title="{file}">{name}</div>'
        f'{_certainty(row)}<div class="small">{" · ".join(facts)}</div>{note}'
        f'<code class="command" title="{OPENS}">{escape(_command(row, folder))}</code>'
        "</article>\n"
    )


def _command(row: Row, folder: Path) -> str:
    """The command that opens an image and its labels in napari."""
    start = ["napari-pmrnet", "review", str(folder)]
    return quoted([*start, f"--image={row.key}"])


def _nouns(rows: Sequence[Row]) -> tuple[str, str]:
    """What was counted in images: one and many."""
    kinds = {row.kind for row in rows} or {LabelKind.NUCLEI}
    return (kinds.pop() if len(kinds) == 1 else LabelKind.OBJECTS).nouns


def _certainty(row: Row) -> str:
    """The certainty as a bar, and the figures of the nuclei."""
    nuclei = _count(row.nuclei or 0, *row.kind.nouns)
    if row.certainty is None:
        return f'<div class="figures low"><b>{nuclei} found</b></div>'
    sure = row.certainty >= _LOW
    tone = ("high" if row.certainty >= _HIGH else "middle") if sure else "low"
    share = f"{100 * (row.doubtful or 0):.0f} % doubtful"
    width = f"{100 * row.certainty:.0f}%"
    return (
        f'<div class="bar {tone}"><i style="width:{width}"></i></div>'
        f'<div class="figures"><span class="{tone}">certainty <b>{row.certainty:.2f}'
        f'</b></span><span><b>{nuclei}</b></span></div><div class="small">{share}</div>'
    )


def _pixel_size(row: Row) -> str:
    """Pixel size and unit, short."""
    height, width = f"{row.pixel_height:.4g}", f"{row.pixel_width:.4g}"
    size = height if height == width else f"{height} x {width}"
    return escape(f"{size} {row.unit.replace('um', 'µm')} pixels")


def _link(target: str, text: str) -> str:
    """A link to a file, relative to the page."""
    return f'<a href="{_href(target)}">{escape(text)}</a>'


def _href(target: str) -> str:
    """A path as an address; one on another drive of Windows as a file address."""
    path = PurePath(target)
    if path.is_absolute():
        return escape(path.as_uri())
    return escape(quote(target.encode(errors="surrogateescape")))


def _count(number: int, one: str, many: str = "") -> str:
    """A number and its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
