"""The journal of a review: what was done, on disk within two seconds.

A text file of one record a line, each with its checksum, that only ever grows. The
first line holds the labels as they were found; the others hold the pixels that changed,
with their new labels, whoever changed them: an undone edit is one more change. So
however a program ends, and whatever becomes of a line, all others can be read.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import queue
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from platformdirs import user_data_path

from napari_pmrnet.errors import JournalError
from napari_pmrnet.io.lock import OwnerLock
from napari_pmrnet.io.ome_plate import name_in_zarr
from napari_pmrnet.io.ome_zarr import is_inside_zarr, outer_zarr
from napari_pmrnet.io.write import is_too_long
from napari_pmrnet.proofreading.place import Place
from napari_pmrnet.proofreading.record_file import (
    RecordFile,
    line_of,
    read_lines,
    record_of,
)
from napari_pmrnet.segmentation.tiles import Box

logger = logging.getLogger(__name__)

ENDING = ".pmrnet-review"
VERSION = 1
GATHER = 0.1
"""Seconds in which records are gathered that are written together."""
WATCH = 1.0
"""Seconds between looks at whether another window wants the review."""
RETRY = 5.0
_SAMPLED = 1 << 20
_TOLD = 8
"""Digits of a fingerprint that tell the images of a file apart."""
_OF_LOCKS = ".locked"
"""Longest ending of what lies beside a journal."""


@dataclass(frozen=True)
class Restored:
    """Contents of a journal.

    Attributes
    ----------
    found : ndarray of int32, shape (..., H, W)
        Labels as they were found, before the review.
    labels : ndarray of int32, shape (..., H, W)
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
        Lines that were not whole, which are left out.
    """

    found: np.ndarray
    labels: np.ndarray
    statuses: dict[Place, str]
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
) -> dict[str, int | None]:
    """Hashes of an image as readers differ in it.

    Parameters
    ----------
    image : ndarray
    channel_axis : int, optional
    rgb : bool
        Whether the last axis holds colours.

    Returns
    -------
    dict of str to (int or None)
        `fingerprint` of the whole, without axes of length one and without alpha: to
        None; and that of each channel: to its number.
    """
    forms = [image, image.squeeze()]
    if rgb and image.shape[-1] == 4:
        forms.append(image[..., :3])
    channels = [] if channel_axis is None else np.moveaxis(image, channel_axis, 0)
    found: dict[str, int | None] = {fingerprint(c): i for i, c in enumerate(channels)}
    return found | {fingerprint(form): None for form in forms}


def journal_path(image_file: Path | None, image: str, plane: str = "") -> Path:
    """The place of the journal of an image.

    Parameters
    ----------
    image_file : Path or None
        The image's file or folder, if it has one.
    image : str
        Its `fingerprint`.
    plane : str
        Title of the plane that is reviewed, of an image that has several.

    Returns
    -------
    Path
        Beside the image, of a field beside its plate; in the user's data folder where
        it has no file, its folder cannot be written to or its name is too long. A
        journal that is already in one of the places is kept to. Where the file has
        several images, such as channels or scenes, those after the first have their
        fingerprint in the name.
    """
    aside = user_data_path("napari-pmrnet") / "reviews" / f"{image}{ENDING}"
    if image_file is None:
        return aside
    of_plane = f" {plane}" if plane else ""
    names = (of_plane, f"{of_plane} {image[:_TOLD]}")
    places = [beside(image_file, more) for more in names]
    if is_too_long(places[-1].with_name(f"{places[-1].name}{_OF_LOCKS}")):
        return aside
    said = [_image_of(place) for place in places]
    own = [place for place, of in zip(places, said, strict=True) if of == image]
    if is_inside_zarr(image_file):
        inside = (_next_to(image_file, more) for more in names)
        own += [place for place in inside if _image_of(place) == image]
    free = [place for place, of in zip(places, said, strict=True) if not of]
    place = [*own, *free, aside][0]
    if place.exists() and os.access(place, os.W_OK):
        return place
    if aside.exists() or not os.access(place.parent, os.W_OK):
        return aside
    return place


def beside(image_file: Path, more: str = "") -> Path:
    """The place of the journal of its image beside a file.

    Of a field of a plate, and of all that lies in a Zarr, it is beside that.
    """
    image_file = Path(os.path.abspath(image_file))
    outer = outer_zarr(image_file)
    if outer is None or outer == image_file:
        return _next_to(image_file, more)
    return outer.with_name(f"{name_in_zarr(image_file)}{more}{ENDING}")


def _next_to(path: Path, more: str) -> Path:
    """A journal in the folder of a file, as versions up to 0.1 had all of them."""
    return path.with_name(f"{path.name}{more}{ENDING}")


def _image_of(path: Path) -> str:
    """Fingerprint of the image that a journal is of; empty where there is no saying."""
    with suppress(JournalError):
        for line in read_lines(path).whole[:1]:
            return str(record_of(line).get("image", ""))
    return ""


@dataclass
class Journal:
    """Writes a review down, in a thread of its own.

    Parameters
    ----------
    path : Path
        File to go on with if it is of the same labels; else it is made as soon as
        there is something to write down. If it vanishes or is replaced meanwhile, it is
        written anew, with all that is known.
    found : ndarray of int, shape (..., H, W)
        Labels before the review; must not change while the journal is open.
    image : str
        `fingerprint` of the image.
    made : mapping
        What is to be known of the labels, ready for JSON.
    say : callable
        Called in the writing thread with a sentence for the user and its tone: when a
        record cannot be written (a full disk), and when all could be written again.
        Nothing is lost meanwhile: the journal tries again every `RETRY` seconds.
    owner : OwnerLock, optional
        Lock of the path that was taken already; by default it is taken here.
    taken : callable
        Called in the writing thread when another window takes the review over: all is
        written down, and nothing more will be.

    Raises
    ------
    JournalError
        If the file there is the journal of another image or of other labels, or cannot
        be read or written to.
    TakenError
        If another window or program has it open.
    """

    path: Path
    found: np.ndarray
    image: str
    made: Mapping[str, Any] = field(default_factory=dict)
    say: Callable[[str, str], None] = lambda text, tone: logger.warning(text)
    owner: OwnerLock | None = None
    taken: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self._records: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._lock = threading.Lock()
        self._written = threading.Event()
        self._written.set()
        self._is_ailing = self._is_over = False
        self._file = RecordFile(self.path)
        self._owner = own(self.path) if self.owner is None else self.owner
        try:
            self._begun = self.path.exists()
            if self._begun:
                _check_same(self.path, self.image, self.found)
                self._file.open()
        except JournalError:
            self._owner.release()
            raise
        self._thread = threading.Thread(
            target=self._write_all, name="review journal", daemon=True
        )
        self._thread.start()

    @property
    def damaged_copy(self) -> Path | None:
        """Copy of the file as it was found, where it was damaged."""
        return self._file.kept

    def changed(
        self,
        box: Box,
        before: np.ndarray,
        after: np.ndarray,
        plane: tuple[int, ...] = (),
    ) -> None:
        """Write down the pixels of a box that changed; returns at once.

        Parameters
        ----------
        box : tuple of slice
        before, after : ndarray of int
            Labels of the box.
        plane : tuple of int
            Plane of a stack that the box is on.
        """
        differs = before != after
        if differs.any():
            corner = [*plane, box[0].start, box[1].start]
            values = after[differs].astype(np.int32)
            mask = differs.reshape((1,) * len(plane) + differs.shape)
            self._put({"kind": "pixels", "at": corner, "mask": mask, "values": values})

    def told(self, place: Place, status: str) -> None:
        """Write down the status given to a place of `Review`; returns at once."""
        self._put({"kind": "status", "place": list(place), "status": status})

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all is written; False if it is not after some seconds."""
        return self._written.wait(seconds)

    def close(self, seconds: float = 10.0) -> bool:
        """Write what is left and stop; False if not all of it could be written."""
        self._records.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive() and self._written.is_set()

    def _put(self, record: dict[str, Any]) -> None:
        """Queue a record; the first one brings the beginning of the file with it."""
        with self._lock:
            if self._is_over:
                return
            self._written.clear()
            if not self._begun:
                self._begun = True
                start = {"version": VERSION, "image": self.image}
                start |= {"made": dict(self.made), "labels": self.found}
                self._records.put({"kind": "start", **start})
            self._records.put(record)

    def _write_all(self) -> None:
        """Write records as they come, a few at once, until told to stop."""
        pending: deque[bytes] = deque()
        is_ended = False
        while not (is_ended or self._is_over):
            is_ended = self._gather(pending)
            has_work = bool(pending) or self._file.is_gone
            if has_work and not self._append(pending):
                continue
            with self._lock:
                if self._records.empty():
                    self._written.set()
                    self._is_over = self._owner.is_wanted()
        self._owner.release()
        if self._is_over:
            self.taken()

    def _gather(self, pending: deque[bytes]) -> bool:
        """Wait for records and add them to `pending`; True at the end of the review."""
        until = time.monotonic() + (RETRY if pending else WATCH)
        first = not pending
        while (left := until - time.monotonic()) > 0:
            try:
                record = self._records.get(timeout=left)
            except queue.Empty:
                break
            if record is None:
                return True
            pending.append(line_of(record, _pack))
            if first:
                until, first = time.monotonic() + GATHER, False
        return False

    def _append(self, pending: deque[bytes]) -> bool:
        """Write lines; False if that failed for some."""
        kept = self._file.kept
        try:
            self._file.add(pending)
        except (OSError, JournalError) as error:
            self._is_ailing = True
            reason = getattr(error, "strerror", None) or error
            self.say(
                f"{self.path}: the review cannot be written down ({reason}). Make room "
                "there or save the review to a folder; it is tried again every few "
                "seconds.",
                "error",
            )
            return False
        if self._file.kept != kept:
            self.say(
                f"{self.path} was changed by someone else, and is now in "
                f"{self._file.kept}. The journal was written anew, whole.",
                "warning",
            )
        if self._is_ailing:
            self._is_ailing = False
            self.say(f"{self.path}: the review is written down again, whole.", "good")
        return True


def own(path: Path) -> OwnerLock:
    """Take the lock of a journal.

    Raises
    ------
    TakenError
        If another window or program has it open.
    """
    owner = OwnerLock(path)
    owner.take()
    return owner


def read_journal(path: Path) -> Restored:
    """Read a journal; what is damaged is left out.

    Raises
    ------
    JournalError
        If the file cannot be read or is no journal.
    """
    lines = read_lines(path)
    records = (record_of(line, _unpack) for line in lines.whole)
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
            corner, mask = record["at"], record["mask"]
            box = (slice(a, a + n) for a, n in zip(corner, mask.shape, strict=True))
            labels[tuple(box)][mask] = record["values"]
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
        lines.damaged,
    )


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
