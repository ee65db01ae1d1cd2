"""Images by where they lie: in a file of their own, in one of several, on a plate.

What an image is called, and its labels, is told by that alone and is the same in a
folder run, in the viewer and where labels are looked for.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from napari_pmrnet.errors import SoftwareError
from napari_pmrnet.io.formats import (
    READABLE_ENDINGS,
    Format,
    image_name,
    safe_name,
)
from napari_pmrnet.io.images import open_image, read_image, scene_names
from napari_pmrnet.io.ome_plate import Field, fields_of, name_in_zarr
from napari_pmrnet.io.ome_zarr import is_inside_zarr, is_zarr

LONGEST_STEM = 180
"""Bytes of a file's name that leave room for what labels and their parts add."""


class ImagePlace(NamedTuple):
    """Where an image lies.

    Attributes
    ----------
    path : Path
        Of its file or OME-Zarr folder.
    scene : str
        Name of the image in a file that holds several; empty for other files.
    number : int or None
        Its number there, from 0.
    field : Field or None
        Where it lies on an OME-Zarr plate.
    """

    path: Path
    scene: str = ""
    number: int | None = None
    field: Field | None = None

    @property
    def is_one_of_several(self) -> bool:
        """Tell whether its file or plate holds others beside it."""
        return self.number is not None or self.field is not None

    @property
    def key(self) -> tuple[Path, int | None]:
        """What no other image has: its place without links, and its number there."""
        return Path(os.path.realpath(self.path)), self.number

    @property
    def name(self) -> str:
        """What it is called: its file, and what tells it apart there."""
        if self.field is not None:
            return self.field.title
        name = name_in_zarr(self.path) if is_inside_zarr(self.path) else self.path.name
        return f"{name} [{self.scene}]" if self.scene else name

    def stems(self) -> tuple[str, str]:
        """Names for its labels, a short one and one with the ending of its file.

        A name that would become too long for a file system is cut, with a hash of the
        whole one in its place.
        """
        if self.field is None:
            path, parts = self.path, [self.scene]
        else:
            path, parts = self.field.plate, [self.field.well, self.field.name]
        more = "".join(f"_{safe_name(part)}" for part in parts if part)
        short, whole = f"{image_name(path)}{more}", f"{path.name}{more}"
        if self.field is None and is_inside_zarr(path):
            short = whole = f"{name_in_zarr(path)}{more}"
        if len(os.fsencode(whole)) > LONGEST_STEM:
            cut = os.fsencode(whole)[:LONGEST_STEM].decode(errors="ignore")
            digest = hashlib.sha256(os.fsencode(whole)).hexdigest()[:8]
            return f"{cut}-{digest}", f"{cut}-{digest}"
        return short, whole

    def layer_stems(self) -> list[str]:
        """Names of what a dock exports of its layers, one a channel.

        Raises
        ------
        DataError
            If it cannot be opened.
        SoftwareError
            If a library that reads it is missing or does not fit.
        """
        try:
            (image,) = open_image(self.path, scene=self.number or 0)
        except SoftwareError:  # a TIFF is opened with the package zarr, read without
            (image,) = read_image(self.path, scene=self.number or 0)
        return image.layer_stems


def images_named(stem: str, folder: Path) -> list[Path]:
    """Files and Zarr folders in a folder that are images of this name."""
    endings = ("", *READABLE_ENDINGS, *Format.ZARR.value)
    names = (f"{stem}{ome}{ending}" for ending in endings for ome in ("", ".ome"))
    return [folder / name for name in names if os.path.exists(folder / name)]


def images_in(
    path: Path, wells: dict[Path, dict[str, str]] | None = None
) -> list[ImagePlace]:
    """Images that a file or folder holds.

    Parameters
    ----------
    path : Path
        Of a file, an OME-Zarr image, or a plate, well or field of one.
    wells : dict, optional
        Of plates that were looked at before, as for `fields_of`.

    Returns
    -------
    list of ImagePlace
        Fields of a plate or well; scenes of a file with several; or the one image.

    Raises
    ------
    DataError
        If it cannot be looked into.
    SoftwareError
        If a library that reads it is missing or does not fit.
    """
    if is_zarr(path):
        fields = fields_of(path, {} if wells is None else wells)
        if fields:
            return [ImagePlace(one.path, field=one) for one in fields]
    names = scene_names(path)
    if len(names) > 1:
        return [ImagePlace(path, name, number) for number, name in enumerate(names)]
    return [ImagePlace(path)]
