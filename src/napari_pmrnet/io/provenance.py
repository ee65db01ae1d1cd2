"""Tag of files of this project: where labels lie, and what made them.

A label TIFF has it in one line of its description, a label Zarr in its attributes, a
layer in napari the part on what made it in its metadata; all under one key.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from napari_pmrnet.io.space import Space

METADATA_KEY = "napari_pmrnet"
_KINDS = {"settings": dict, "diameter": float | int}
"""What is not text, in the words that labels have of themselves."""


@dataclass(frozen=True)
class Provenance:
    """Settings and weights that made labels, and the image they are of.

    Attributes
    ----------
    settings : dict, optional
        The settings, of `Settings.as_dict`.
    weights_hash : str, optional
        SHA-256 of the weights.
    image : str, optional
        Name of the image: of its file, or of its layer.
    fingerprint : str, optional
        `proofreading.journal.fingerprint` of the image.
    diameter : float, optional
        Of a typical nucleus in pixels, as it was given or estimated.
    software : str, optional
        `software` that made the labels.
    """

    settings: dict[str, Any] | None = None
    weights_hash: str | None = None
    image: str | None = None
    fingerprint: str | None = None
    diameter: float | None = None
    software: str | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """Read what a file or the metadata of a layer says, among other things.

        What another program has made something else of is not known.
        """
        told = ((one.name, values.get(one.name)) for one in fields(cls))
        return cls(**{k: v for k, v in told if isinstance(v, _KINDS.get(k, str))})

    def as_dict(self) -> dict[str, Any]:
        """Dictionary ready for JSON; but settings and weights only what is known."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        always = ("settings", "weights_hash")
        return {name: value for name, value in told.items() if value or name in always}


class Tag(NamedTuple):
    """What a label file of ours says of itself.

    Attributes
    ----------
    space : Space
    provenance : Provenance
    made_of : str
        `relative_name` of the image that was segmented. Empty for labels that may have
        been corrected, and therefore are not to be replaced by those of a new run.
    sha256 : str
        Hash of the labels as they were written; whether they were edited shows in it.
    table : str
        Hash of the table beside them, and after a space that of the table that was
        there before: it is there still if the program was killed between the two.
    """

    space: Space
    provenance: Provenance
    made_of: str = ""
    sha256: str = ""
    table: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Dictionary ready for JSON."""
        more = {name: getattr(self, name) for name in _WRITTEN}
        return {
            **{name: value for name, value in more.items() if value},
            "axes": list(self.space.axes),
            "scale": list(self.space.scale),
            "units": list(self.space.units),
            **(
                {"translate": list(self.space.translate)}
                if self.space.translate
                else {}
            ),
            **self.provenance.as_dict(),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Tag | None:
        """Inverse of `as_dict`; None for anything else."""
        try:
            place = values.get("translate")
            space = Space.of(values["axes"], values["scale"], values["units"], place)
            space = space.in_one_unit()
            made = Provenance.from_dict(values)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        whole = len(space.axes) == len(space.scale) == len(space.units) > 0
        whole = whole and len(space.translate) in (0, len(space.axes))
        whole = whole and all(math.isfinite(step) and step for step in space.scale)
        whole = whole and all(map(math.isfinite, space.translate))
        written = (str(values.get(name, "")) for name in _WRITTEN)
        return cls(space, made, *written) if whole else None


_WRITTEN = ("made_of", "sha256", "table")


def relative_name(path: Path, folder: Path) -> str:
    """A path as seen from a folder, with slashes; on another drive the whole path.

    It stays the same when both are moved together, and however both are named.
    """
    place = os.path.realpath(path)
    try:
        return Path(os.path.relpath(place, os.path.realpath(folder))).as_posix()
    except ValueError:  # another drive of Windows
        return str(place)


def array_hash(array: np.ndarray) -> str:
    """SHA-256 of the values of an array, whatever its byte order."""
    values = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return hashlib.sha256(np.ascontiguousarray(values).data).hexdigest()


def read_label_tag(description: str) -> Tag | None:
    """Return what a TIFF description says, if it is that of a label image of ours.

    Parameters
    ----------
    description : str
        ImageDescription of the first page.

    Returns
    -------
    Tag or None
        None for any other file.
    """
    for line in description.splitlines():
        key, _, text = line.partition("=")
        if key != METADATA_KEY:
            continue
        try:
            return Tag.from_dict(json.loads(text))
        except ValueError:
            return None
    return None


INFO = "Labels of nuclei by"
"""Start of the text that ImageJ and Fiji keep with an image that they save anew."""


def info_text(made: Provenance) -> str:
    """Text for ImageJ's "Info" on what made labels."""
    return f"{INFO} {software()}\n{json.dumps(made.as_dict(), indent=1)}\n"


def read_info(info: Any) -> Provenance | None:
    """Inverse of `info_text`; None for anything else."""
    text = info if isinstance(info, str) else ""
    head, _, told = text.partition("\n")
    if not head.startswith(INFO):
        return None
    try:
        # ImageJ may have added lines of its own.
        return Provenance.from_dict(json.JSONDecoder().raw_decode(told)[0])
    except (ValueError, AttributeError):
        return None


def software() -> str:
    """Name and version of this program."""
    try:
        return f"napari-pmrnet {version('napari-pmrnet')}"
    except PackageNotFoundError:
        return "napari-pmrnet"
