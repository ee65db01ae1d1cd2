"""Sets of OME-TIFF files as microscopes write them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import tifffile

Plane = tuple[int, int, int, int, str]
"""Channel, depth and time of a plane, its page, and its file."""
SIZE = (9, 8)


def ome_xml(
    images: Sequence[tuple[tuple[int, int, int], Iterable[Plane]]],
    uuids: dict[str, str],
    root: str = "",
) -> str:
    """OME-XML of images: lengths of c, z and t, and planes."""
    text = ""
    for i, ((c, z, t), planes) in enumerate(images):
        blocks = "".join(
            f'<TiffData FirstC="{pc}" FirstZ="{pz}" FirstT="{pt}" IFD="{page}" '
            f'PlaneCount="1"><UUID FileName="{file}">{uuids[file]}</UUID></TiffData>'
            for pc, pz, pt, page, file in planes
        )
        channels = "".join(
            f'<Channel ID="Channel:{i}:{n}" SamplesPerPixel="1" Name="dye {n}"/>'
            for n in range(c)
        )
        text += (
            f'<Image ID="Image:{i}" Name="Pos{i}"><Pixels ID="Pixels:{i}" '
            f'DimensionOrder="XYCZT" Type="uint16" SizeX="8" SizeY="9" SizeC="{c}" '
            f'SizeZ="{z}" SizeT="{t}" PhysicalSizeX="0.{i + 1}" '
            f'PhysicalSizeY="0.{i + 1}">{channels}{blocks}</Pixels></Image>'
        )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
        f"{f' UUID={chr(34)}{root}{chr(34)}' if root else ''}>{text}</OME>"
    )


def pixels(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(1, 999, (count, *SIZE)).astype("u2")


def write_set(
    folder: Path,
    images: Sequence[tuple[tuple[int, int, int], Iterable[Plane]]],
    roots: str = "own",
    pages: dict[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Write the files of a set; `roots` says which UUID each file has."""
    every = [plane for _, planes in images for plane in planes]
    files = sorted({plane[4] for plane in every})
    same = f"urn:uuid:{uuid4()}"
    uuids = {f: same if roots == "same" else f"urn:uuid:{uuid4()}" for f in files}
    held = {}
    for seed, file in enumerate(files):
        count = 1 + max(plane[3] for plane in every if plane[4] == file)
        held[file] = pixels(count, seed) if pages is None else pages[file]
        root = "" if roots == "none" else uuids[file if roots == "own" else files[0]]
        tifffile.imwrite(
            folder / file,
            held[file],
            photometric="minisblack",
            description=ome_xml(images, uuids, root),
            metadata=None,
        )
    return held


def positions(count: int) -> list[tuple[tuple[int, int, int], list[Plane]]]:
    return [((1, 1, 1), [(0, 0, 0, 0, f"s_Pos{i}.ome.tif")]) for i in range(count)]


def channels(count: int) -> list[tuple[tuple[int, int, int], list[Plane]]]:
    return [((count, 1, 1), [(c, 0, 0, 0, f"c{c}.ome.tif") for c in range(count)])]
