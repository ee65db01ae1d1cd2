"""An output folder as a worklist: labels to review, and how far each review has come.

Corrections go back into the label file that the run wrote. Beside it the labels as they
were found are kept once, and in the folder of the record stands what was said of the
nuclei, of which labels.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from napari_pmrnet.batch.inputs import LABELS_ENDING
from napari_pmrnet.batch.run_log import (
    FOLDER,
    digest_of,
    entries_of,
    has_labels,
    make_folder,
)
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.label_numbers import check_labels
from napari_pmrnet.io.labels import read_label_file, write_labels
from napari_pmrnet.io.permit import Permit, hash_of, stamp_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.models.library import model_with
from napari_pmrnet.proofreading.course import Course
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.origin import Origin, origin_steps
from napari_pmrnet.proofreading.place import Place, Plane
from napari_pmrnet.proofreading.planes import flags_by_plane
from napari_pmrnet.proofreading.review import Review
from napari_pmrnet.segmentation.predict import Progress
from napari_pmrnet.segmentation.stack import Stack, within_stack
from napari_pmrnet.settings import Settings

REVIEWS = "reviews"
VERSION = 1
_COUNTS = ("nuclei", "reviewed", "edited", "done")


class ChangedError(DataError):
    """A label file that is not as it was when it was opened."""


@dataclass(frozen=True)
class ReviewState:
    """How far the review of an image has come.

    Attributes
    ----------
    nuclei, reviewed, edited : int
        How many there are, were accepted or edited, and were edited.
    done : bool
        Whether the user said that nothing is left to do.
    statuses : mapping
        Status of places; see `Review`.
    """

    nuclei: int
    reviewed: int = 0
    edited: int = 0
    done: bool = False
    statuses: Mapping[Place, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Opened:
    """Labels of an image as they are on disk, and what is known of them.

    Attributes
    ----------
    row : Row
        What the run said of the image.
    image, path : Path
        The image and its labels.
    labels, found : ndarray of int32
        As they are, and as they were found, before any correction.
    space : Space
    made : Provenance
    digest : str
        `hash_of` the label file.
    state : ReviewState or None
        None for labels that were not reviewed.
    original : tuple of str
        Name and `hash_of` the copy of the labels as they were found, and the hash of
        those that the last run wrote; empty: none yet.
    """

    row: Row
    image: Path
    path: Path
    labels: np.ndarray
    found: np.ndarray
    space: Space
    made: Provenance
    digest: str
    state: ReviewState | None = None
    original: tuple[str, ...] = ()

    @property
    def is_reviewed_nucleus_by_nucleus(self) -> bool:
        """Tell whether these are nuclei or objects, on however many planes."""
        return self.row.kind is not LabelKind.CLASSES


class _Kept(NamedTuple):
    """What is kept of the review of an image."""

    state: ReviewState | None
    digest: str
    stamp: tuple[int, ...]
    original: tuple[str, ...]


class Worklist:
    """The images of an output folder that have labels, and their reviews.

    Parameters
    ----------
    output : str or Path
        Of a batch; nothing is made in it before something is saved.
    """

    def __init__(self, output: str | Path) -> None:
        self.output = Path(os.path.realpath(output))
        self._entries = entries_of(self.output)

    def rows(self) -> list[Row]:
        """Rows of the images that have labels or failed, sorted by `Row.key`."""
        entries = (self._entries[key] for key in sorted(self._entries))
        return [e.row for e in entries if e.row.error or has_labels(self.output, e)]

    def first(self) -> str:
        """`Row.key` of the first image that has labels.

        Raises
        ------
        DataError
            If the folder holds no labels of a batch.
        """
        for row in self.rows():
            if not row.error:
                return row.key
        raise DataError(
            f"{self.output}: holds no labels of a batch. Name the folder of results "
            "of 'napari-pmrnet segment' or of the dock 'Segment a folder'."
        )

    def key_named(self, name: str) -> str:
        """`Row.key` of the image that has a name, or a path as the summary has it.

        Raises
        ------
        DataError
            If there is no such image, or there are several.
        """
        self.first()
        rows = [row for row in self.rows() if not row.error]
        ways = [(row.key, row.file, row.name, Path(row.file).name) for row in rows]
        found = (
            [r.key for r, own in zip(rows, names, strict=True) if own == name]
            for names in zip(*ways, strict=True)
        )
        keys = next(filter(None, found), [])
        if len(keys) == 1:
            return keys[0]
        which = f": {', '.join(keys)}" if keys else ""
        there = f"{len(keys)} images have" if keys else "no image has"
        raise DataError(
            f"{name}: {there} this name and labels in {self.output}{which}. Name one "
            "of them so, or as the column file of summary.csv does."
        )

    def image(self, row: Row) -> Path:
        """Path of the image of a row."""
        return Path(os.path.normpath(self.output / row.file))

    def state(self, row: Row) -> ReviewState | None:
        """How far a review has come; None if these labels were not reviewed."""
        return self._state(self._kept(row), self.output / row.labels)

    def open(self, row: Row) -> Opened:
        """Read the labels of an image.

        Raises
        ------
        DataError
            If they cannot be read, lie in a Zarr, where they are edited in place, or
            are no labels.
        """
        path = self.output / row.labels
        if Format.of(path) is not Format.TIFF:
            raise DataError(f"{path}: is no label TIFF.")
        digest = _hash(path)
        labels, space, made = read_label_file(path)
        if _hash(path) != digest:
            raise DataError(f"{path}: is being written. Open it when that is done.")
        kept = self._kept(row)
        original = () if kept is None else kept.original
        found = self._found(row, original)
        if found is None or found.shape != labels.shape:
            found, original = labels, ()
        state, image = self._state(kept, path), self.image(row)
        return Opened(
            row, image, path, labels, found, space, made, digest, state, original
        )

    def save(
        self,
        opened: Opened,
        labels: np.ndarray,
        statuses: Mapping[Place, str],
        done: bool = False,
    ) -> Opened:
        """Write corrected labels into their file, and down how far their review is.

        Where the labels are as they were opened the file stays as it is.

        Parameters
        ----------
        opened : Opened
        labels : ndarray of int
        statuses : mapping
            Of places; see `Review`.
        done : bool
            Whether nothing is left to do.

        Returns
        -------
        Opened
            The same with the labels as they are now.

        Raises
        ------
        ChangedError
            If the label file is not as it was when it was opened, or gone.
        DataError
            If the labels or what is said of them cannot be written.
        """
        path, row = opened.path, opened.row
        labels = np.array(labels)
        check_labels(labels, str(path))
        labels = labels.astype(np.int32, copy=False)
        if not np.array_equal(labels, opened.labels):
            opened = self._with_original(opened)
            # Known before the labels change: the copy is found after a crash too.
            self._keep(row, opened, opened.state)
            opened = replace(opened, labels=labels, digest=_written(opened, labels))
        elif _hash(path) != opened.digest:
            raise _changed(path)
        state = _counted(opened, statuses, done)
        self._keep(row, opened, state)
        return replace(opened, state=state)

    def save_copy(self, opened: Opened, labels: np.ndarray) -> Path:
        """Write labels beside their file, under a name that nothing has.

        Returns
        -------
        Path
            The file written.

        Raises
        ------
        DataError
            If they cannot be written.
        """
        names = _names_beside(opened.path, "corrected")
        path = next(name for name in names if not os.path.lexists(name))
        return write_labels(path, labels, opened.space, opened.made)

    def _found(self, row: Row, original: tuple[str, ...]) -> np.ndarray | None:
        """Labels as they were found, if what was kept is of the last run."""
        if not original or original[2] != self._run_hash(row):
            return None
        path = self.output / original[0]
        try:
            return read_label_file(path)[0] if _hash(path) == original[1] else None
        except DataError:
            return None

    def _with_original(self, opened: Opened) -> Opened:
        """Keep the labels as they were found, unless they are kept already."""
        if opened.original:
            return opened
        path = opened.path
        try:
            content = path.read_bytes()
        except OSError as error:
            raise _changed(path) from error
        if sha256(content).hexdigest() != opened.digest:
            raise _changed(path)
        permit = Permit(known=frozenset({opened.digest}), offered=False)
        copy = next(p for p in _names_beside(path, "original") if permit.allows(p))
        replace_file(copy, content, permit)
        name = copy.relative_to(self.output).as_posix()
        original = name, opened.digest, self._run_hash(opened.row)
        return replace(opened, original=original)

    def _run_hash(self, row: Row) -> str:
        """`hash_of` the labels that the last run wrote of an image."""
        entry = self._entries.get(row.key)
        return "" if entry is None else entry.labels_hash

    def _place(self, row: Row) -> Path:
        """File with what is kept of a review."""
        return self.output / FOLDER / REVIEWS / f"{digest_of(row.key)}.json"

    def _keep(self, row: Row, opened: Opened, state: ReviewState | None) -> None:
        """Write down a review, and of which labels it is."""
        values: dict[str, Any] = {
            "version": VERSION,
            "hash": opened.digest,
            "stamp": stamp_of(opened.path),
            "original": opened.original,
        }
        if state is not None:
            told = asdict(state)
            values |= {name: told[name] for name in _COUNTS}
            values["statuses"] = [[*p, status] for p, status in state.statuses.items()]
        place = self._place(row)
        make_folder(self.output)
        try:
            place.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise DataError(
                f"{place.parent}: cannot be made ({error.strerror or error}). Make "
                "room, or give yourself the right to write there."
            ) from error
        replace_file(place, json.dumps(values).encode(), True)

    def _kept(self, row: Row) -> _Kept | None:
        """What was written down of a review; None if there is nothing that is whole."""
        try:
            values = json.loads(self._place(row).read_bytes())
            told = values.get("statuses", ())
            given = {(str(k), int(n), *map(int, p)): str(s) for k, n, *p, s in told}
            counts = {name: values[name] for name in _COUNTS if name in values}
            state = ReviewState(**counts, statuses=given) if counts else None
            stamp, original = tuple(values["stamp"]), tuple(values["original"])
            if len(original) not in (0, 3):
                return None
            return _Kept(state, str(values["hash"]), stamp, original)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _state(self, kept: _Kept | None, labels: Path) -> ReviewState | None:
        """The state of a review, if it is of the labels that are there."""
        if kept is None or kept.state is None:
            return None
        # Time and size say that nobody touched them; copies have other times.
        same = stamp_of(labels) == kept.stamp or _hash(labels) == kept.digest
        return kept.state if same else None


def maps_of(
    opened: Opened, known: dict[Plane, Origin], device: str = "auto"
) -> Generator[Progress, None, None]:
    """Find out where labels come from: the network makes their maps again.

    Parameters
    ----------
    opened : Opened
    known : dict of Origin
        Gets that of each plane as it is done; of blank ones of a stack none.
    device : str
        Where the network runs.

    Yields
    ------
    Progress
        Counted over all planes.

    Raises
    ------
    DataError
        If labels do not say how they were made, are classes, or the image cannot be
        read, is not that of the labels, or has more planes than there is memory for.
    PMRNetError
        If their weights are not here, or the image cannot be segmented.
    """
    made, name = opened.made, opened.path.name
    if not opened.is_reviewed_nucleus_by_nucleus:
        raise DataError(f"{name}: classes have no certainties of their own.")
    model = model_with(made.weights_hash)
    if model is None or made.settings is None:
        raise DataError(
            f"{name}: the weights that made these labels are not here, so their "
            "certainty is not known."
        )
    settings = replace(Settings.of_record(made.settings), model=model, device=device)
    yield Progress(0, 0, "reading the image")
    scene = opened.row.scene_number or 0
    stack = Stack.of(read_image(opened.image, scene=scene)[0])
    found = opened.found
    if _lengths(stack.shape) != _lengths(found.shape):
        raise DataError(
            f"{opened.image}: has {stack.shape} pixels, its labels "
            f"{found.shape}. It was changed since they were made."
        )
    if stack.count > 1 and not stack.keeps_maps:
        raise DataError(
            f"{opened.image}: the maps of its {stack.count} planes would take "
            f"{stack.map_bytes / 1e9:.1f} GB of memory, so certainties are not known."
        )
    # Label files may have left out axes of length one.
    planes = np.ndindex(*found.shape[:-2])
    places = np.ndindex(*stack.shape[:-2])
    for number, (at, place) in enumerate(zip(planes, places, strict=True)):
        plane = stack.plane(place, settings.channel, opened.image.name)
        if stack.count > 1 and plane.is_blank():
            continue
        steps = origin_steps(found[at], plane, settings)
        known[at] = yield from within_stack(steps, number, stack.count, plane.title)


def _lengths(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width, and before them the other axes that are longer than one."""
    return (*(n for n in shape[:-2] if n != 1), *shape[-2:])


def _counted(opened: Opened, statuses: Mapping[Place, str], done: bool) -> ReviewState:
    """State of a review of labels as they are now; on several planes each counts."""
    if not opened.is_reviewed_nucleus_by_nucleus:
        numbers = np.unique(opened.labels)
        return ReviewState(int((numbers > 0).sum()), done=done)
    course = Course(statuses=dict(statuses))
    for plane in np.ndindex(*opened.labels.shape[:-2]):
        nuclei = Nuclei(opened.labels[plane], opened.found[plane])
        Review(nuclei, course=course, plane=plane)
    flags = pd.concat(flags_by_plane(course).values())
    reviewed, edited = (
        int(flags[name].to_numpy(bool).sum()) for name in ("reviewed", "edited")
    )
    return ReviewState(len(flags), reviewed, edited, done, dict(statuses))


def _written(opened: Opened, labels: np.ndarray) -> str:
    """Write labels in the place of those that were opened; gives their hash."""
    permit = Permit(known=frozenset({opened.digest}), offered=False)
    if not os.path.lexists(opened.path):
        raise _changed(opened.path)
    try:
        write_labels(opened.path, labels, opened.space, opened.made, overwrite=permit)
    except DataError as error:
        if _hash(opened.path) != opened.digest:
            raise _changed(opened.path) from error
        raise
    return _hash(opened.path)


def _changed(path: Path) -> ChangedError:
    """The error to raise where another program was at the labels."""
    return ChangedError(
        f"{path}: another program has changed or removed it since it was opened, so "
        "corrections are not written over it. Save a copy beside it, and open it again."
    )


def _names_beside(path: Path, word: str) -> Iterator[Path]:
    """Names for further labels beside labels, which no run takes for an image."""
    stem = path.stem.removesuffix(LABELS_ENDING)
    for number in count(1):
        more = f"-{number}" if number > 1 else ""
        yield path.with_name(f"{stem}_{word}{more}{LABELS_ENDING}{path.suffix}")


def _hash(path: Path) -> str:
    """`hash_of` a file; nothing if it cannot be read."""
    try:
        return hash_of(path)
    except OSError:
        return ""
