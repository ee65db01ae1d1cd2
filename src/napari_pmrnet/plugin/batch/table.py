"""The table of a batch's files, which fills as they end; worst first if asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from qtpy.QtCore import QModelIndex, QObject, QSortFilterProxyModel

from napari_pmrnet.batch.events import FAILED, KEPT, UNCHANGED
from napari_pmrnet.batch.summary import Row, worst_first
from napari_pmrnet.batch.worklist import ReviewState
from napari_pmrnet.plugin.widgets.table import (
    LEFT,
    RIGHT,
    SORT_ROLE,
    Column,
    TableModel,
)

WAITING, RUNNING, LISTED = "waiting", "running", "listed"
_SHOWN = {UNCHANGED: "earlier", LISTED: "earlier"}
_MEANING = {
    UNCHANGED: "Finished by an earlier run with the same settings and weights.",
    LISTED: "Finished by an earlier run.",
}
_TONES = {
    FAILED: "error",
    KEPT: "warning",
    UNCHANGED: "hint",
    LISTED: "hint",
    WAITING: "hint",
}
_LAST = (9, 0.0)
DONE_MARK = "\u2713 "


class FileState(NamedTuple):
    """An image, how far it is, what came of it, and how far its review has come.

    ``called`` is its name where that is not the one of its file.
    """

    path: Path
    status: str = WAITING
    row: Row | None = None
    review: ReviewState | None = None
    called: str = ""

    @property
    def name(self) -> str:
        """Name of the image."""
        return self.called or self.path.name

    @property
    def key(self) -> str | None:
        """Name that no other image of the folder has; None before it is known."""
        return None if self.row is None else self.row.key

    @property
    def has_labels(self) -> bool:
        """Whether there are labels that can be reviewed."""
        row = self.row
        return row is not None and bool(row.labels) and not row.error


def explanation(file: FileState) -> str:
    """The whole path, and what there is to say."""
    row = file.row
    said = "" if row is None else row.error or row.note
    review = "" if file.review is None else _told(file.review)
    took = "" if row is None or row.seconds is None else f"{row.seconds:.1f} s"
    path = str(file.path)
    path += f" ({file.name})" if file.name != file.path.name else ""
    parts = (path, said, _MEANING.get(file.status, ""), review, took)
    return "\n".join(part for part in parts if part)


def _told(review: ReviewState) -> str:
    """How far a review has come, in words."""
    done = "Review done" if review.done else "Review begun"
    counts = f"{review.reviewed} of {review.nuclei} reviewed, {review.edited} edited"
    return f"{done}: {counts}."


def _short(review: ReviewState) -> str:
    """How far a review has come, in a cell."""
    return f"{DONE_MARK if review.done else ''}{review.reviewed}/{review.nuclei}"


def _how_far(file: FileState) -> tuple[int, float]:
    """Sorting key: what was not begun, then what is begun, then what is done."""
    review = file.review
    if review is None:
        return 0, 0.0
    return 1 + review.done, review.reviewed / max(review.nuclei, 1)


def _text(
    title: str, text: Callable[[FileState], str], **looks: Any
) -> Column[FileState]:
    return Column(title, text, tooltip=explanation, head_alignment=LEFT, **looks)


def _number(
    title: str, text: Callable[[Row], str], key: Callable[[Row | None], Any]
) -> Column[FileState]:
    """Column of numbers, empty for files that wait or failed."""
    return Column(
        title,
        lambda file: file.row,
        lambda row: "" if row is None or row.error else text(row),
        tooltip=explanation,
        alignment=RIGHT,
        key=lambda file: key(file.row),
    )


def _rising(value: float | None) -> tuple[bool, float]:
    """Sorting key of numbers, the missing ones last."""
    return value is None, value or 0


COLUMNS = (
    _text(
        "File",
        lambda file: file.name,
        key=lambda file: file.name.casefold(),
    ),
    _number(
        "Nuclei",
        lambda row: "" if row.nuclei is None else f"{row.nuclei}",
        lambda row: _rising(row and row.nuclei),
    ),
    _number(
        "Certainty",
        lambda row: "" if row.certainty is None else f"{row.certainty:.2f}",
        lambda row: _LAST if row is None else worst_first(row),
    ),
    _text(
        "Status",
        lambda file: _SHOWN.get(file.status, file.status),
        key=lambda file: file.status,
        tone=lambda file: _TONES.get(file.status, "good"),
    ),
    _text(
        "Reviewed",
        lambda file: "" if file.review is None else _short(file.review),
        key=_how_far,
        tone=lambda file: "good" if file.review and file.review.done else "plain",
    ),
)
LONGEST = ("", "88888", "0.88", "waiting", f"{DONE_MARK}888/888")
"""What cells have room for; the names of files take what is left over."""
FILE, FOUND, CERTAINTY, STATUS, REVIEWED = range(len(COLUMNS))


class FilesModel(TableModel):
    """Files of a batch, a row each."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(COLUMNS, parent)

    def show_files(self, paths: Sequence[Path], names: Sequence[str] = ()) -> None:
        """Start over with the images of a new batch, called by names."""
        called = names or [path.name for path in paths]
        pairs = zip(paths, called, strict=True)
        self.show([FileState(path, called=name) for path, name in pairs])

    def update_file(self, number: int, status: str, row: Row | None = None) -> None:
        """Tell what is or has become of a file."""
        self.replace(number, self.rows[number]._replace(status=status, row=row))

    def show_reviews(self, reviews: Mapping[str, ReviewState | None]) -> None:
        """Tell how far reviews have come, by `FileState.key`."""
        self.rows = [
            file._replace(review=reviews[file.key])
            if file.key is not None and file.key in reviews
            else file
            for file in self.rows
        ]
        self._repaint(0, len(self.rows) - 1)

    def stop_waiting(self) -> None:
        """No file is running any more."""
        for number, file in enumerate(self.rows):
            if file.status == RUNNING:
                self.update_file(number, WAITING)


class FilesOrder(QSortFilterProxyModel):
    """The files sorted by a column; by their certainty the worst come first."""

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Compare by sorting keys."""
        return left.data(SORT_ROLE) < right.data(SORT_ROLE)
