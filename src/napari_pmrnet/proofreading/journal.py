"""The journal of a review: what was done, on disk within two seconds.

A text file of one record a line, each with its checksum, that only ever grows. However
a program ends, all lines but the last are whole, and a line that is not is left out.
The first line holds the labels as they were found; the others hold the pixels that
changed, with their new labels, whoever changed them: an undone edit is one more change.
A data base would lock its file, which shared network folders do badly.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import os
import queue
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_data_path

from napari_pmrnet.errors import JournalError
from napari_pmrnet.segmentation.tiles import Box

logger = logging.getLogger(__name__)

ENDING = ".pmrnet-review"
VERSION = 1
WAIT = 0.5
RETRY = 5.0
_SAMPLED = 1 << 20


@dataclass(frozen=True)
class Restored:
    """Contents of a journal.

    Attributes
    ----------
    found : ndarray of int32, shape (H, W)
        Labels as they were found, before the review.
    labels : ndarray of int32, shape (H, W)
        Labels after all changes.
    statuses : dict
        Status of each place of the `Review` that was given one.
    image : str
        `fingerprint` of the image.
    made : dict
        What was told of the labels at the start, such as settings and weights.
    changes : int
        Number of changes.
    damaged : int
        Lines that were not whole; they and what follows them are left out.
    """

    found: np.ndarray
    labels: np.ndarray
    statuses: dict[tuple[str, int], str]
    image: str
    made: dict[str, Any]
    changes: int
    damaged: int


def fingerprint(image: np.ndarray) -> str:
    """Hash by which an image is known again, whatever its file is called.

    Parameters
    ----------
    image : ndarray
        Of a larger one, about a million evenly spaced pixels are read.
    """
    step = max(1, int(np.ceil((image.size / _SAMPLED) ** (1 / max(image.ndim, 1)))))
    sample = np.ascontiguousarray(image[(slice(None, None, step),) * image.ndim])
    told = hashlib.blake2b(repr((image.shape, str(image.dtype))).encode())
    told.update(sample.tobytes())
    return told.hexdigest()[:32]


def fingerprints(
    image: np.ndarray, channel_axis: int | None = None, rgb: bool = False
) -> set[str]:
    """Hashes of an image as readers differ in it.

    Parameters
    ----------
    image : ndarray
    channel_axis : int, optional
    rgb : bool
        Whether the last axis holds colours.

    Returns
    -------
    set of str
        `fingerprint` of the whole, without axes of length one and without alpha, and
        of each channel.
    """
    forms = [image, image.squeeze()]
    if rgb and image.shape[-1] == 4:
        forms.append(image[..., :3])
    if channel_axis is not None:
        forms += list(np.moveaxis(image, channel_axis, 0))
    return {fingerprint(form) for form in forms}


def journal_path(image_file: Path | None, image: str) -> Path:
    """The place of the journal of an image.

    Parameters
    ----------
    image_file : Path or None
        The image's file or folder, if it has one.
    image : str
        Its `fingerprint`.

    Returns
    -------
    Path
        Beside the image; in the user's data folder where it has no file or its folder
        cannot be written to. A journal that is already in one of the places is kept to.
    """
    aside = user_data_path("napari-pmrnet") / "reviews" / f"{image}{ENDING}"
    if image_file is None:
        return aside
    beside = image_file.with_name(image_file.name + ENDING)
    if beside.exists() and os.access(beside, os.W_OK):
        return beside
    if aside.exists() or not os.access(beside.parent, os.W_OK):
        return aside
    return beside


@dataclass
class Journal:
    """Writes a review down, in a thread of its own.

    Parameters
    ----------
    path : Path
        File to go on with if it is of the same labels; else it is made as soon as
        there is something to write down.
    found : ndarray of int, shape (H, W)
        Labels before the review; must not change while the journal is open.
    image : str
        `fingerprint` of the image.
    made : mapping
        What is to be known of the labels, ready for JSON.
    failed, recovered : callable
        Called in the writing thread: with a message when a record cannot be written
        (a full disk), and when all could be written again. Nothing is lost meanwhile:
        the journal tries again every `RETRY` seconds.

    Raises
    ------
    JournalError
        If the file there is the journal of another image or of other labels.
    """

    path: Path
    found: np.ndarray
    image: str
    made: Mapping[str, Any] = field(default_factory=dict)
    failed: Callable[[str], None] = logger.warning
    recovered: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._records: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._written = threading.Event()
        self._written.set()
        self._ailing = False
        self._begun = self.path.exists()
        if self._begun:
            _check_same(self.path, self.image, self.found)
            os.truncate(self.path, sum(map(len, _read(self.path)[0])))
        self._thread = threading.Thread(
            target=self._write_all, name="review journal", daemon=True
        )
        self._thread.start()

    def changed(self, box: Box, before: np.ndarray, after: np.ndarray) -> None:
        """Write down the pixels of a box that changed; returns at once.

        Parameters
        ----------
        box : tuple of slice
        before, after : ndarray of int
            Labels of the box.
        """
        differs = before != after
        if differs.any():
            corner = [box[0].start, box[1].start]
            values = after[differs].astype(np.int32)
            self._put(
                {"kind": "pixels", "at": corner, "mask": differs, "values": values}
            )

    def told(self, place: tuple[str, int], status: str) -> None:
        """Write down the status given to a place of `Review`; returns at once."""
        self._put({"kind": "status", "place": list(place), "status": status})

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all is written; False if it is not after some seconds."""
        return self._written.wait(seconds)

    def close(self, seconds: float = 10.0) -> bool:
        """Write what is left and stop; False if that could not be done in time."""
        self._records.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _put(self, record: dict[str, Any]) -> None:
        """Queue a record; the first one brings the beginning of the file with it."""
        self._written.clear()
        if not self._begun:
            self._begun = True
            start = {"version": VERSION, "image": self.image, "made": dict(self.made)}
            self._records.put({"kind": "start", **start, "labels": self.found})
        self._records.put(record)

    def _write_all(self) -> None:
        """Write records as they come, a few at once, until told to stop."""
        pending, ended = b"", False
        while not (ended and not pending):
            batch = [] if ended or pending else [self._records.get()]
            time.sleep(0 if ended or pending else WAIT / 5)
            while not self._records.empty():
                batch.append(self._records.get())
            ended = ended or None in batch
            pending += b"".join(_line(record) for record in batch if record)
            if pending and not self._append(pending):
                if ended:
                    return
                time.sleep(RETRY)
                continue
            pending = b""
            if self._records.empty():
                self._written.set()

    def _append(self, lines: bytes) -> bool:
        """Append lines, all or none of them; False if that failed."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
                size = stream.tell()
                try:
                    stream.write(lines)
                    stream.flush()
                    os.fsync(stream.fileno())
                except OSError:
                    os.truncate(self.path, size)
                    raise
        except OSError as error:
            self._ailing = True
            self.failed(
                f"{self.path}: the review cannot be written down "
                f"({error.strerror or error}). Make room there or save the review to a "
                "folder; it is tried again every few seconds."
            )
            return False
        if self._ailing:
            self._ailing = False
            self.recovered()
        return True


def read_journal(path: Path) -> Restored:
    """Read a journal, as far as it is whole.

    Raises
    ------
    JournalError
        If the file cannot be read or is no journal.
    """
    lines, damaged = _read(path)
    records = (json.loads(line[9:], object_hook=_unpack) for line in lines)
    first = next(records, None)
    if first is None or first.get("kind") != "start":
        raise JournalError(
            f"{path} is no review journal, or its beginning is damaged. Segment the "
            "image again, or open another file."
        )
    found = first["labels"]
    labels, statuses, changes = found.copy(), {}, 0
    for record in records:
        if record["kind"] == "pixels":
            (top, left), mask = record["at"], record["mask"]
            part = labels[top : top + mask.shape[0], left : left + mask.shape[1]]
            part[mask] = record["values"]
            changes += 1
        elif record["kind"] == "status":
            statuses[tuple(record["place"])] = record["status"]
            changes += 1
    return Restored(
        found,
        labels,
        {place: status for place, status in statuses.items() if status},
        first["image"],
        first["made"],
        changes,
        damaged,
    )


def _line(record: Mapping[str, Any]) -> bytes:
    """One record as a line: checksum, then JSON with arrays deflated."""
    text = json.dumps(record, default=_pack, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _pack(array: np.ndarray) -> dict[str, Any]:
    """An array for JSON."""
    kind = "bits" if array.dtype == bool else "int32"
    raw = np.packbits(array) if kind == "bits" else array.astype("<i4")
    text = base64.b64encode(zlib.compress(raw.tobytes(), 1)).decode()
    return {"array": kind, "shape": array.shape, "data": text}


def _unpack(value: dict[str, Any]) -> Any:
    """The array that `_pack` packed; other objects as they are."""
    if "array" not in value:
        return value
    raw = zlib.decompress(base64.b64decode(value["data"]))
    shape = tuple(value["shape"])
    if value["array"] == "bits":
        bits = np.unpackbits(np.frombuffer(raw, np.uint8), count=int(np.prod(shape)))
        return bits.astype(bool).reshape(shape)
    return np.frombuffer(raw, "<i4").astype(np.int32).reshape(shape)


def _read(path: Path) -> tuple[list[bytes], int]:
    """The whole lines at the start of a file; how many lines follow them."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise JournalError(
            f"{path}: cannot be read ({error.strerror or error})."
        ) from error
    whole = list(takewhile(_is_whole, lines))
    return whole, len(lines) - len(whole)


def _is_whole(line: bytes) -> bool:
    return line.endswith(b"\n") and line[:8] == b"%08x" % zlib.crc32(line[9:-1])


def _check_same(path: Path, image: str, found: np.ndarray) -> None:
    """Raise unless a journal is of this image and these labels."""
    there = read_journal(path)
    if there.image != image:
        raise JournalError(
            f"{path} is the journal of another image. Move it elsewhere to review this "
            "one."
        )
    if not np.array_equal(there.found, found):
        raise JournalError(
            f"{path} is the journal of other labels of this image. Restore them, or "
            "move the file elsewhere to begin anew."
        )
