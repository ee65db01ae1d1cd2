"""What a label TIFF of this project says of itself, in one line of its description."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

TAG = "napari_pmrnet"


@dataclass(frozen=True)
class LabelTag:
    """What a label TIFF of ours says of itself in its description.

    Attributes
    ----------
    axes : tuple of str
        Axis letters, a subset of t, z, c, y, x in that order.
    scale : tuple of float
        Step along each axis, in `units`.
    units : tuple of str
        Unit of each axis.
    origin : dict
        ``settings`` (dict or None) and ``weights_hash`` (str or None) of the labels.
    """

    axes: tuple[str, ...]
    scale: tuple[float, ...]
    units: tuple[str, ...]
    origin: dict[str, Any]

    def as_text(self) -> str:
        """The tag as one line of JSON in ASCII, as TIFF descriptions must be."""
        return json.dumps(
            {
                "axes": self.axes,
                "scale": self.scale,
                "units": self.units,
                **self.origin,
            }
        )


def read_label_tag(description: str) -> LabelTag | None:
    """What a TIFF description says, if it is that of a label image of ours.

    Parameters
    ----------
    description : str
        ImageDescription of the first page.

    Returns
    -------
    LabelTag or None
        None for any other file.
    """
    for line in description.splitlines():
        key, _, text = line.partition("=")
        if key != TAG:
            continue
        try:
            values = json.loads(text)
            return LabelTag(
                tuple(values["axes"]),
                tuple(map(float, values["scale"])),
                tuple(values["units"]),
                {key: values.get(key) for key in ("settings", "weights_hash")},
            )
        except (ValueError, KeyError, TypeError):
            return None
    return None
