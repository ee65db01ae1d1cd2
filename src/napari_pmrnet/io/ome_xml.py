"""What OME-XML says of the planes of images: where each lies, in which file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_pmrnet.io.calibration import Calibration, ome_calibrations

MOST_PLANES = 1_000_000


class Entry(NamedTuple):
    """Place of a plane along t, z and c, its page in a file, the file and its UUID."""

    place: tuple[int, int, int]
    page: int
    file: str
    uuid: str


@dataclass
class OmeImage:
    """What OME-XML says of an image.

    Attributes
    ----------
    number : int
        Of the image in the text, from 0.
    name : str
    order : str
        The letters t, z and c, the slowest first.
    calibration : Calibration
    planes : int
        Number of planes that the image has.
    entries : list of Entry
        Planes that the text knows a file of.
    """

    number: int
    name: str
    order: str
    calibration: Calibration
    planes: int
    entries: list[Entry] = field(default_factory=list)


def described(tiff: tifffile.TiffFile, path: Path) -> tuple[str, list[OmeImage]] | None:
    """UUID of the file and the images that its OME-XML, or its companion, tells of."""
    text = tiff.pages.first.description
    if "<OME" not in text[:2000] and "OME:OME" not in text[:2000]:
        return None
    try:
        root = ElementTree.fromstring(text)
        uuid = root.get("UUID", "")
        for element in root:
            if element.tag.endswith("BinaryOnly"):
                uuid = uuid or element.get("UUID", "")
                text = _companion(path.with_name(element.get("MetadataFile", "")))
                root = ElementTree.fromstring(text)
                break
        images = [e for e in root if e.tag.endswith("Image")]
        calibrations = ome_calibrations(text)
        if len(calibrations) != len(images):
            calibrations = [Calibration()] * len(images)
        numbered = zip(images, calibrations, strict=True)
        told = [_image(i, e, c, len(tiff.pages)) for i, (e, c) in enumerate(numbered)]
    except (ElementTree.ParseError, OSError, KeyError, ValueError, StopIteration):
        return None
    return (uuid, told) if told else None


def _companion(path: Path) -> str:
    """OME-XML that a set keeps in one file for all."""
    if path.suffix.lower() in (".tif", ".tiff"):
        with tifffile.TiffFile(path) as tiff:
            return tiff.pages.first.description
    return path.read_text(encoding="utf-8")


def _image(
    number: int, element: ElementTree.Element, calibration: Calibration, held: int
) -> OmeImage:
    """An Image element of OME-XML."""
    pixels = next(e for e in element if e.tag.endswith("Pixels"))
    channels = [e for e in pixels if e.tag.endswith("Channel")]
    samples = int(channels[0].get("SamplesPerPixel", 1)) if channels else 1
    order = pixels.attrib["DimensionOrder"].lower().replace("x", "").replace("y", "")
    lengths = {axis: int(pixels.attrib[f"Size{axis.upper()}"]) for axis in "tzc"}
    lengths["c"] = max(1, lengths["c"] // samples)
    planes = int(np.prod(list(lengths.values())))
    if sorted(order) != sorted("tzc") or not 0 < planes <= MOST_PLANES:
        raise ValueError("unusual dimensions")
    image = OmeImage(
        number, element.get("Name") or "", order[::-1], calibration, planes
    )
    known: dict[tuple[int, int, int], Entry] = {}
    for data in (e for e in pixels if e.tag.endswith("TiffData")):
        for entry in _entries(data, order, lengths, held):
            known[entry.place] = entry
    image.entries = list(known.values())
    return image


def _entries(
    data: ElementTree.Element, order: str, lengths: dict[str, int], held: int
) -> Iterator[Entry]:
    """Planes of a TiffData element; the first letter of `order` is the fastest."""
    first = int(data.get("IFD", 0))
    shape = [lengths[axis] for axis in order[::-1]]
    start = [int(data.get(f"First{axis.upper()}", 0)) for axis in order[::-1]]
    if any(at >= n for at, n in zip(start, shape, strict=True)):
        return
    begin, most = int(np.ravel_multi_index(start, shape)), int(np.prod(shape))
    usual = 1 if "IFD" in data.attrib else held
    count = int(data.get("PlaneCount", data.get("NumPlanes", usual)))
    uuid = next((e for e in data if e.tag.endswith("UUID")), None)
    file = "" if uuid is None else uuid.get("FileName", "")
    name = "" if uuid is None else (uuid.text or "").strip()
    for step in range(min(count, most - begin)):
        at = dict(zip(order[::-1], np.unravel_index(begin + step, shape), strict=True))
        place = (int(at["t"]), int(at["z"]), int(at["c"]))
        yield Entry(place, first + step, file, name)
