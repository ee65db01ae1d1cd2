"""Files that a batch reads: named ones, those of folders, those of patterns."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

from napari_pmrnet.batch.summary import scene_key
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.io.formats import (
    READABLE,
    READABLE_ENDINGS,
    Format,
    image_name,
)
from napari_pmrnet.io.image_place import ImagePlace, images_in, images_named
from napari_pmrnet.io.images import scene_names
from napari_pmrnet.io.label_numbers import looks_like_a_picture
from napari_pmrnet.io.label_plate import is_label_plate
from napari_pmrnet.io.label_zarr import is_label_zarr
from napari_pmrnet.io.ome_set import OwnImage, parts_of_set
from napari_pmrnet.io.ome_zarr import is_zarr
from napari_pmrnet.io.stains import nuclear_channel
from napari_pmrnet.io.tiff import labels_said, open_tiff, read_tiff_array

logger = logging.getLogger(__name__)
LABELS_ENDING = "_labels"
Whole = tuple[Path, tuple[str, ...], int]
"""Folder, files and number of an image that lies in several files."""


class Source(NamedTuple):
    """An image to segment, and the subfolder of the output its labels go to."""

    image: ImagePlace
    folder: Path

    @property
    def path(self) -> Path:
        """Of its file or OME-Zarr folder."""
        return self.image.path

    @property
    def place(self) -> Path:
        """Path that no other image has."""
        return Path(scene_key(str(self.path), self.image.number))


def find_sources(
    inputs: Iterable[str | Path],
    output: Path,
    recursive: bool = False,
    channel: int | None = None,
    scene: str | None = None,
) -> list[Source]:
    """Find the images that inputs name.

    Parameters
    ----------
    inputs : iterable of str or Path
        Files, folders, OME-Zarr folders and plates, and patterns; what exists under its
        name as it stands is no pattern, even with brackets in it. What does not exist,
        or is no plain file though it has the name of an image, is kept, so that it is
        reported as one that cannot be read.
    output : Path
        Folder of the results. Where it lies inside a folder that is searched, it is
        left out.
    recursive : bool
        Also search subfolders; what is found there goes to subfolders of the output.
    channel : int, optional
        Channel that is segmented, by default that of `nuclear_channel` or the first. Of
        sets of OME-TIFF files with one channel each, the files of the others are left
        out of what is searched for.
    scene : str, optional
        Name or number, from 0, of the one image that is wanted of files that hold
        several; by default all are.

    Returns
    -------
    list of Source
        In the order of `inputs` and sorted within a folder, each image once: of
        several names for one, by links, that with the fewest links, and of those the
        first.

    Raises
    ------
    DataError
        If a folder or pattern holds no image.
    """
    sources: dict[tuple[Path, int | None], Source] = {}
    wells: dict[Path, dict[str, str]] = {}
    for name in inputs:
        path = Path(name).expanduser()
        if os.path.isdir(path) and not is_zarr(path):
            found = _positions(_in_folder(path, output, recursive), channel)
            more = "" if recursive else " Subfolders are searched if asked for."
            _refuse_none(found, f"{path}: the folder holds no image", more)
        elif glob.has_magic(str(path)) and not os.path.lexists(path):
            found = _positions(_matching(path, output), channel)
            _refuse_none(found, f"{path}: no image matches this pattern")
        else:
            found = [Source(ImagePlace(path), Path())]
        for source in found:
            for image in _images(source.image, scene, wells):
                one = source._replace(image=image)
                before = sources.setdefault(image.key, one)
                if before is not one and _links(one.path) < _links(before.path):
                    sources[image.key] = one
    return list(sources.values())


def _links(path: Path) -> int:
    """How many links lie on the way to a file as it is named."""
    return sum(map(os.path.islink, (path, *path.parents)))


def _images(
    image: ImagePlace, scene: str | None, wells: dict[Path, dict[str, str]]
) -> list[ImagePlace]:
    """Images of a file or folder: scenes, fields of a plate, or itself.

    What cannot be looked into is left as it is: the reason is told when it is read.
    """
    path = image.path
    with suppress(PMRNetError, MemoryError):
        if is_zarr(path) and _is_of_labels(path):
            return [image]
        images = images_in(path, wells)
        if scene is None or images[0].field is not None:
            return images
        names = [one.scene for one in images] if len(images) > 1 else scene_names(path)
        if names == [""]:
            return images
        if scene in names:
            return [images[names.index(scene)]]
        if scene.isascii() and scene.isdigit() and int(scene) < len(names):
            return [images[int(scene)]]
        # Of a number that there is not: that is told when it is read.
        return [ImagePlace(path, scene, max(len(names), 1))]
    return [image]


def _refuse_none(found: list[Source], what: str, more: str = "") -> None:
    """Complain where nothing was found."""
    if not found:
        raise DataError(
            f"{what} ({', '.join(READABLE_ENDINGS)} or OME-Zarr).{more} Name another."
        )


def _positions(sources: Iterable[Source], channel: int | None) -> list[Source]:
    """Leave out files of a set with other channels of positions that are there."""
    found = list(sources)
    parts = {
        source.path: parts_of_set(source.path)
        for source in found
        if source.path.stem != image_name(source.path)
    }
    names: dict[Whole, dict[int, str]] = {}
    for path, every in parts.items():
        for part in every:
            named = zip(part.channels, part.calibration.channel_names, strict=False)
            names.setdefault(_whole(path, part), {}).update(named)
    wanted = {
        whole: _nuclear(found) if channel is None else channel
        for whole, found in names.items()
    }
    there = {
        _whole(path, part)
        for path, every in parts.items()
        for part in every
        if wanted[_whole(path, part)] in part.channels
    }
    others = {
        path
        for path, every in parts.items()
        if every
        and all(
            wanted[_whole(path, part)] not in part.channels
            and _whole(path, part) in there
            for part in every
        )
    }
    return [source for source in found if source.path not in others]


def _whole(path: Path, part: OwnImage) -> Whole:
    """What tells the image that a part in a file belongs to from others."""
    return path.parent, part.files, part.number


def _nuclear(names: Mapping[int, str]) -> int:
    """Number of the channel that is segmented, of numbers and names in a set."""
    numbers = sorted(names)
    place = nuclear_channel([names[number] for number in numbers])
    return 0 if place is None else numbers[place]


def _in_folder(root: Path, output: Path, recursive: bool) -> Iterator[Source]:
    """Images of a folder; hidden files and folders are left out."""
    left_out, unread = os.path.realpath(output), []
    for place, folders, files in os.walk(root, onerror=unread.append):
        here = Path(place)
        subfolder = here.relative_to(root)
        below = sorted(name for name in folders if not name.startswith("."))
        folders_here = (here / name for name in below)
        found = [p for p in folders_here if is_zarr(p) and not _is_of_labels(p)]
        found += [here / name for name in files if _is_image(here / name)]
        yield from (Source(ImagePlace(path), subfolder) for path in sorted(found))
        folders[:] = [
            name
            for name in below
            if recursive
            and not is_zarr(here / name)
            and os.path.realpath(here / name) != left_out
        ]
    # A folder that cannot be searched is reported as a file is.
    yield from (Source(ImagePlace(Path(e.filename)), Path()) for e in unread)


def _matching(pattern: Path, output: Path) -> Iterator[Source]:
    """Images that match a pattern, apart from those in an output below its root."""
    root, parts = Path(), list(pattern.parts)
    while parts and (not glob.has_magic(parts[0]) or os.path.lexists(root / parts[0])):
        root /= parts.pop(0)
    place, left_out = (Path(os.path.realpath(one)) for one in (root, output))
    inside = left_out.is_relative_to(place) and left_out != place
    for path in sorted(set(_expanded(root, parts))):
        if _is_of_labels(path) or not (is_zarr(path) or _is_image(path)):
            continue
        if inside and Path(os.path.realpath(path)).is_relative_to(left_out):
            continue
        yield Source(ImagePlace(path), path.parent.relative_to(root))


def _expanded(folder: Path, parts: list[str]) -> Iterator[Path]:
    """What matches the parts of a pattern below a folder.

    As the module glob does it, but a name that is there as it stands is no pattern, and
    ``**`` follows no links: two that lead back up would keep it busy for ever.
    """
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _expanded(folder, rest or ["*"])
        for below in _names(folder):
            if os.path.isdir(folder / below) and not os.path.islink(folder / below):
                yield from _expanded(folder / below, parts)
    elif os.path.lexists(folder / part):
        yield from _expanded(folder / part, rest)
    elif glob.has_magic(part):
        fits = re.compile(translate(os.path.normcase(part))).match
        for name in _names(folder, hidden=part.startswith(".")):
            if fits(os.path.normcase(name)):
                yield from _expanded(folder / name, rest)


def _names(folder: Path, hidden: bool = False) -> list[str]:
    """Names in a folder; none where there is no folder."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [name for name in names if hidden or not name.startswith(".")]


def _is_of_labels(path: Path) -> bool:
    """Tell whether a Zarr is one of labels of ours."""
    return is_label_zarr(path) or is_label_plate(path)


def _is_image(path: Path) -> bool:
    """Tell whether a file found by searching is to be read as an image.

    Labels, ours or beside their image, are not. Pipes and links that lead nowhere are,
    so that they are reported.
    """
    kind = Format.of(path)
    if path.name.startswith(".") or kind not in READABLE or os.path.isdir(path):
        return False
    labels = kind is Format.TIFF and path.stem.lower().endswith(LABELS_ENDING)
    return not (labels and os.path.isfile(path) and _is_labels(path))


def _is_labels(path: Path) -> bool:
    """Tell whether a TIFF named like labels holds some.

    It says so itself, unless another program has saved it anew: then it does if there
    is an image that it could be of, and it looks like labels.
    """
    try:
        with open_tiff(path) as tiff:
            if labels_said(tiff) is not None:
                return True
        if not _has_image(path.stem[: -len(LABELS_ENDING)], path.parent):
            return False
        pixels = read_tiff_array(path)
    except DataError:
        return False
    if pixels.dtype.kind not in "iu" or looks_like_a_picture(pixels):
        return False
    logger.warning("%s: left out, taken for labels. Name it to segment it.", path)
    return True


def _has_image(stem: str, folder: Path) -> bool:
    """Tell whether a folder has an image of a name, or one with such a layer."""
    if images_named(stem, folder):
        return True
    starts = (stem[: space.start()] for space in re.finditer(" ", stem))
    for path in (path for start in starts for path in images_named(start, folder)):
        with suppress(PMRNetError, MemoryError):
            if any(stem in image.layer_stems() for image in images_in(path)):
                return True
    return False
