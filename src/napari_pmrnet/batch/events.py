"""Events of a batch while it runs, and its report at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from napari_pmrnet.batch.summary import Row
from napari_pmrnet.segmentation.predict import Progress

DONE, UNCHANGED, KEPT, FAILED = "done", "unchanged", "kept", "failed"
SUMMARY, OBJECTS, SHEET = "summary.csv", "objects.csv", "contact_sheet.html"
COUNTS = "counts.csv"


class FilesFound(NamedTuple):
    """Files and names of the images of the batch; comes first and once."""

    paths: list[Path]
    names: list[str]


class FileStarted(NamedTuple):
    """A file is being looked at; ``number`` counts from 0."""

    number: int
    path: Path


class FileProgress(NamedTuple):
    """Progress of a file."""

    number: int
    path: Path
    progress: Progress


class FileEnded(NamedTuple):
    """A file is over: ``done``, ``unchanged``, ``kept`` or ``failed``."""

    number: int
    path: Path
    status: str
    row: Row


FileEvent = FileStarted | FileProgress | FileEnded
Event = FilesFound | FileEvent


@dataclass
class BatchReport:
    """Outcome of a batch.

    Attributes
    ----------
    output : Path
        The folder.
    summary, objects, counts, sheet : Path
        Its tables, with a row a file, a row a nucleus, and the counts of images and
        wells, and contact sheet. They have another name than usual where a file that no
        batch wrote, or that was changed since, has that.
    plates : list of Path
        Plates of labels, if they were asked for.
    files : int
        How many were found.
    ended : dict
        Files by what came of them: ``done``, ``unchanged``, ``kept``, ``failed``.
    rows : list of Row
        Of this run, in its order.
    stopped : bool
        Whether the run was stopped before its last file.
    device : str
        Where the network ran; empty if nothing was segmented.
    notes : list of str
        What the user should know of the folder.
    """

    output: Path
    files: int = 0
    ended: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((DONE, UNCHANGED, KEPT, FAILED), 0)
    )
    rows: list[Row] = field(default_factory=list)
    stopped: bool = False
    device: str = ""
    notes: list[str] = field(default_factory=list)
    plates: list[Path] = field(default_factory=list)
    summary: Path = field(init=False)
    objects: Path = field(init=False)
    counts: Path = field(init=False)
    sheet: Path = field(init=False)

    def __post_init__(self) -> None:
        self.summary, self.objects = self.output / SUMMARY, self.output / OBJECTS
        self.counts, self.sheet = self.output / COUNTS, self.output / SHEET
