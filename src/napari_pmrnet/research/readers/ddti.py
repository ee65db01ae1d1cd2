"""Nodules in ultrasound of the thyroid: DDTI, processed or with its outlines in XML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from napari_pmrnet.research.readers.layout import (
    Item,
    Reader,
    holds,
    subfolder,
    visible,
)

Outline = list[tuple[float, float]]
"""Points (x, y) of an outline, in pixels."""

FOLDERS = (("image", "mask"), ("p_image", "p_mask"))
PICTURE = r"\d+_\d+\.(jpe?g|png)"


class DDTI(Reader):
    """637 cut images with masks, or the images as published with outlines in XML.

    A case has one ``<n>.xml`` and images ``<n>_<k>.jpg``. Each ``<mark>`` names an
    image k and holds, as JSON text, outlines of nodules, which are united. Some of that
    text is cut short: an image with such an outline is named and left out, for its
    truth is not whole.
    """

    name = "ddti"
    title = "DDTI"
    layout = "image/<n> + mask/<n>, or <n>.xml + <n>_<k>.jpg"
    split_rule = "no official split; groups are the cases <n> of <n>_<k>"
    published = 637

    @classmethod
    def fits(cls, root: Path) -> bool:
        return cls._processed(root) is not None or (
            holds(root, r"\d+\.xml") and holds(root, PICTURE)
        )

    def _list(self) -> Iterator[Item]:
        self._outlines: dict[str, list[Outline]] = {}
        folders = self._processed(self.root)
        if folders is None:
            yield from self._list_cases()
            return
        images, masks = map(self.pictures, folders)
        for key, image, mask in self.pairs(images, masks):
            case = re.fullmatch(r"(\d+)_\d+", key)
            yield Item(key, image, (mask,), group=f"case {case[1]}" if case else "")

    def _list_cases(self) -> Iterator[Item]:
        """Images whose outlines could all be read."""
        images = self.pictures(self.root, r"\d+_\d+")
        cases = {p.stem: p for p in visible(self.root) if p.suffix.lower() == ".xml"}
        found = {case: self._read_case(path) for case, path in cases.items()}
        for key, image in images.items():
            case, _, number = key.partition("_")
            if case not in cases:
                self.problems.append(
                    f"{image}: there is no {case}.xml. It is not used."
                )
                continue
            marked = found[case]
            if marked is None:
                continue
            outlines = marked.pop(number, None)
            if outlines is None:
                self.problems.append(
                    f"{image}: {case}.xml marks no nodule in it. It is not used."
                )
            elif outlines:
                self._outlines[key] = outlines
                yield Item(key, image, group=f"case {case}")
        for case, left in found.items():
            for number in left or ():
                self.problems.append(
                    f"{cases[case]}: marks image {number}, and there is no "
                    f"{case}_{number}.jpg."
                )

    def _read_case(self, path: Path) -> dict[str, list[Outline]] | None:
        """Outlines by image, none where one is broken; None if there is no XML."""
        try:
            marks = list(ElementTree.parse(path).getroot().iter("mark"))
        except (OSError, ElementTree.ParseError) as error:
            self.problems.append(
                f"{path}: cannot be read as XML ({error}). Its images are not used."
            )
            return None
        found: dict[str, list[Outline]] = {}
        broken: set[str] = set()
        for mark in marks:
            number = (mark.findtext("image") or "").strip()
            text = (mark.findtext("svg") or "").strip()
            if not text:
                continue
            try:
                found.setdefault(number, []).extend(read_outlines(text))
            except ValueError as error:
                broken.add(number)
                self.problems.append(
                    f"{path}: the outline of image {number} is broken ({error}). "
                    f"{path.stem}_{number} is not used: mend the text in <svg>."
                )
        return {n: [] if n in broken else outlines for n, outlines in found.items()}

    def labels(self, item: Item, shape: tuple[int, int]) -> np.ndarray:
        """All nodules as label 1."""
        if item.masks:
            return super().labels(item, shape)
        from skimage.draw import polygon

        labels = np.zeros(shape, np.int32)
        for outline in self._outlines[item.image_id]:
            x, y = zip(*outline, strict=True)
            labels[polygon(y, x, shape)] = 1
        return labels

    @staticmethod
    def _processed(root: Path) -> tuple[Path, Path] | None:
        """The folders of images and masks, where they are cut out already."""
        for names in FOLDERS:
            image, mask = (subfolder(root, name) for name in names)
            if image and mask and holds(image, r".*\d+\.\w+"):
                return image, mask
        return None


def read_outlines(text: str) -> list[Outline]:
    """Outlines of the JSON text of a ``<svg>``.

    Parameters
    ----------
    text : str
        A list of outlines, each a list of points or an object with ``points``; a point
        is ``{"x": .., "y": ..}`` or a pair.

    Returns
    -------
    list of list of tuple
        Points (x, y), in pixels.

    Raises
    ------
    ValueError
        If it is anything else, or an outline has fewer than three points.
    """
    outlines = [_outline(entry) for entry in _list_of(json.loads(text))]
    if not outlines:
        raise ValueError("it is empty")
    return outlines


def _outline(entry: Any) -> Outline:
    points = _list_of(entry.get("points") if isinstance(entry, dict) else entry)
    outline = [_point(point) for point in points]
    if len(outline) < 3:
        raise ValueError(f"an outline has {len(outline)} points")
    return outline


def _point(point: Any) -> tuple[float, float]:
    try:
        x, y = (point["x"], point["y"]) if isinstance(point, dict) else point
        found = float(x), float(y)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{point!r} is no point") from error
    if not np.isfinite(found).all():
        raise ValueError(f"{point!r} is no point")
    return found


def _list_of(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"a {type(value).__name__} where a list should be")
    return value
