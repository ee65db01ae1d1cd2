"""Images of an OME-TIFF file that is one of a set, each of which names all files.

tifffile reads the whole set whichever file is named, takes the pixels of one file for
those of others, and makes up planes of files that are not there. Here the planes that
lie in the file at hand are read, and no others.
"""

from __future__ import annotations

import math
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import Calibration
from napari_pmrnet.io.memory import check_room
from napari_pmrnet.io.ome_xml import Entry, OmeImage, described
from napari_pmrnet.io.tiff import open_tiff, read_pages

if TYPE_CHECKING:
    import dask.array as da

MOST_NAMED = 3
"""Files of a set that are named in a note."""


class OwnImage(NamedTuple):
    """An image, or the part of one, that lies in a file.

    ``pages`` has an axis for each of ``letters``: t, z and c in some order.
    ``channels`` are the numbers of its channels in the whole image ``number``.
    """

    pages: np.ndarray
    letters: str
    name: str
    calibration: Calibration
    number: int
    channels: tuple[int, ...]
    files: tuple[str, ...]
    notes: tuple[str, ...]


class PageArray:
    """Pages of a TIFF file as one array, read when they are asked for.

    Parameters
    ----------
    path : Path
    pages : ndarray of int
        Numbers of the pages.
    page : tifffile.TiffPage
        One of them, which all others are like.
    """

    def __init__(self, path: Path, pages: np.ndarray, page: tifffile.TiffPage) -> None:
        self._path, self._pages = path, pages
        self.shape: tuple[int, ...] = (*pages.shape, *page.shape)
        self.ndim, self.dtype = len(self.shape), np.dtype(page.dtype).newbyteorder("=")

    def __getitem__(self, index: tuple[slice, ...]) -> np.ndarray:
        """Pixels; along the axes of a page, all of it is read for them."""
        which = self._pages[index[: self._pages.ndim]]
        within = index[self._pages.ndim :]
        with open_tiff(self._path) as tiff:
            read = (read_pages(tiff.pages[int(i)], self._path) for i in which.flat)
            stacked = np.stack([pixels[within] for pixels in read])
        return stacked.reshape(*which.shape, *stacked.shape[1:])

    def whole(self) -> np.ndarray:
        """All pixels.

        Raises
        ------
        TooLargeError
            If they are more than the free memory holds.
        """
        check_room(self._path, math.prod(self.shape) * self.dtype.itemsize)
        return self[(slice(None),) * self.ndim]

    def lazy(self) -> da.Array:
        """All pixels, a page a chunk."""
        import dask.array as da

        count = self._pages.ndim
        chunks: Any = (*[1] * count, *self.shape[count:])
        return da.from_array(self, chunks=chunks, name=False)


def own_images(tiff: tifffile.TiffFile, path: Path) -> list[OwnImage] | None:
    """Images that lie in an open file of a set; None if it is none of a set.

    Parameters
    ----------
    tiff : tifffile.TiffFile
    path : Path

    Returns
    -------
    list of OwnImage or None
        None if the file's OME-XML names no other file and all its planes are there.

    Raises
    ------
    DataError
        If the planes in the file make up no whole stack.
    """
    found = described(tiff, path)
    if found is None:
        return None
    root, images = found
    held = len(tiff.pages)
    entries = [entry for image in images for entry in image.entries]
    if not entries:
        return None
    own = _ownership(entries, root, path.name, held)
    named = {(entry.file.lower(), entry.uuid) for entry in entries}
    alone = len(named) == 1 and named.pop()[1] in ("", root)
    whole = all(len(image.entries) == image.planes for image in images)
    if alone and whole and max((e.page for e in entries), default=0) < held:
        return None
    files = tuple(sorted({entry.file for entry in entries if entry.file}))
    parts = [_own(image, own, held, path, files) for image in images]
    kept = [part for part in parts if part is not None]
    if not kept:
        return _lost(images, held, files)
    many = len(kept) > 1
    return kept if many else [kept[0]._replace(name="")]


def parts_of_set(path: Path) -> list[OwnImage]:
    """`own_images` of a file; none if it is of no set, or cannot be read."""
    with suppress(DataError), open_tiff(path) as tiff:
        return own_images(tiff, path) or []
    return []


def _ownership(
    entries: list[Entry], root: str, name: str, held: int
) -> set[tuple[str, str]]:
    """Files, by name and UUID, of the entries that mean the file at hand.

    Its name counts first, since there are sets whose files all have the UUID of one;
    then its UUID, for files that were renamed; then what has as many planes.
    """
    counts = Counter((entry.file, entry.uuid) for entry in entries)
    tests = (
        lambda file, uuid: not file and not uuid,
        lambda file, uuid: file.lower() == name.lower(),
        lambda file, uuid: bool(uuid) and uuid == root,
    )
    for test in tests:
        own = {key for key in counts if test(*key)}
        if own:
            return own
    return {key for key in counts if len(counts) == 1 and counts[key] == held}


def _own(
    image: OmeImage,
    own: set[tuple[str, str]],
    held: int,
    path: Path,
    files: tuple[str, ...],
) -> OwnImage | None:
    """What of an image lies in the file; None if that is nothing."""
    at = {e.place: e.page for e in image.entries if (e.file, e.uuid) in own}
    there = {place: page for place, page in at.items() if page < held}
    if not there:
        return None
    axes = _whole_stack(set(there))
    count = int(np.prod([len(steps) for steps in axes]))
    if not count:
        raise DataError(
            f"{path}: the {len(there)} planes of '{image.name}' in it make up no whole "
            "stack. Copy the set of files again from its source."
        )
    notes = []
    if len(files) > 1:
        others = [file for file in files if file.lower() != path.name.lower()]
        more = ", ..." if len(others) > MOST_NAMED else ""
        notes.append(
            f"one of a set of {len(files)} files, each opened by itself: "
            f"{', '.join(others[:MOST_NAMED])}{more}"
        )
    if count < image.planes:
        notes.append(
            f"{count} of the {image.planes} planes of '{image.name}' are in this file"
        )
    pages = np.array([there[place] for place in product(*axes)])
    pages = pages.reshape([len(steps) for steps in axes])
    pages = pages.transpose(["tzc".index(letter) for letter in image.order])
    names = image.calibration.channel_names
    channels = axes[2]
    named = tuple(names[c] for c in channels) if len(names) > max(channels) else ()
    return OwnImage(
        pages,
        image.order,
        image.name,
        replace(image.calibration, channel_names=named),
        image.number,
        channels,
        files,
        tuple(notes),
    )


def _whole_stack(
    places: set[tuple[int, int, int]],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Steps along t, z and c of a stack without gaps that the places make up.

    Times, else depths, that are not whole are left out.
    """
    for axis in (0, 1, 2):
        rests: dict[int, set[tuple[int, ...]]] = {}
        for place in places:
            rest = (*place[:axis], *place[axis + 1 :])
            rests.setdefault(place[axis], set()).add(rest)
        most = set.union(*rests.values())
        full = {step for step, found in rests.items() if found == most}
        kept = {place for place in places if place[axis] in full}
        steps = [sorted({place[i] for place in kept}) for i in range(3)]
        if kept and len(kept) == len(steps[0]) * len(steps[1]) * len(steps[2]):
            return tuple(steps[0]), tuple(steps[1]), tuple(steps[2])
    return (), (), ()


def _lost(images: list[OmeImage], held: int, files: tuple[str, ...]) -> list[OwnImage]:
    """A file that the set does not know: its pages, with what all images agree on."""
    steps = [image.calibration.steps for image in images]
    agreed = {
        axis: step
        for axis, step in steps[0].items()
        if all(s.get(axis) == step for s in steps)
    }
    note = f"renamed, which of the {len(files)} files of a set it was is not known"
    return [
        OwnImage(np.arange(held), "q", "", Calibration(agreed), -1, (), files, (note,))
    ]
