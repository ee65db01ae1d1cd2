"""Tag of files of this project: where labels lie, and what made them.

A label TIFF has it in one line of its description, a label Zarr in its attributes, a
layer in napari the part on what made it in its metadata; all under one key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from napari_pmrnet.io.space import Space

METADATA_KEY = "napari_pmrnet"


@dataclass(frozen=True)
class Provenance:
    """Settings and weights that made labels.

    Attributes
    ----------
    settings : dict, optional
        The settings, of `Settings.as_dict`.
    weights_hash : str, optional
        SHA-256 of the weights.
    """

    settings: dict[str, Any] | None = None
    weights_hash: str | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Provenance:
        """Read what a file or the metadata of a layer says, among other things."""
        return cls(values.get("settings"), values.get("weights_hash"))

    def as_dict(self) -> dict[str, Any]:
        """Dictionary ready for JSON."""
        return {"settings": self.settings, "weights_hash": self.weights_hash}


class Tag(NamedTuple):
    """Space and provenance that a label file of ours holds."""

    space: Space
    provenance: Provenance

    def as_dict(self) -> dict[str, Any]:
        """Dictionary ready for JSON."""
        return {
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
            made = Provenance.from_dict(values)
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        whole = len(space.axes) == len(space.scale) == len(space.units) > 0
        whole = whole and len(space.translate) in (0, len(space.axes))
        return cls(space, made) if whole else None


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


def software() -> str:
    """Name and version of this program."""
    try:
        return f"napari-pmrnet {version('napari-pmrnet')}"
    except PackageNotFoundError:
        return "napari-pmrnet"
