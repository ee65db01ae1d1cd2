"""Maps of a file, kept so that other thresholds need no network.

They are kept whole: labels made from them are those of a fresh run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.provenance import array_hash
from napari_pmrnet.io.tiff import open_tiff, read_pages
from napari_pmrnet.io.write import replace_file, unwritable
from napari_pmrnet.segmentation.segment import NEEDS_THE_NETWORK, Segmentation

if TYPE_CHECKING:
    from napari_pmrnet.models import Model
    from napari_pmrnet.settings import Settings

FLOWS = ("flow_y", "flow_x")
_TOLD = ("scale", "diameter", "other_diameter", "device")
_ROWS = 64


def network_key(key: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a `file_key` that maps depend on: file, weights, some settings."""
    settings = {k: v for k, v in key["settings"].items() if k in NEEDS_THE_NETWORK}
    others = {k: v for k, v in key.items() if k not in ("settings", "link")}
    return {**others, "settings": settings}


@dataclass(frozen=True)
class KeptMaps:
    """Maps of the planes of a file.

    Parameters
    ----------
    base : Path
        Of their files, without what tells planes apart.
    key : mapping
        `network_key` of the file.
    settings : Settings
        Those that labels are wanted for.
    model : Model
    writes : bool
        Whether maps that are not there are kept.
    """

    base: Path
    key: Mapping[str, Any]
    settings: Settings
    model: Model
    writes: bool

    def take(self, place: tuple[int, ...]) -> Segmentation | None:
        """What would be found in a plane, from its maps; None if they are not there.

        Maps that are damaged, or of other pixels, weights or settings, are not there.
        """
        path = self._path(place)
        if not path.is_file():
            return None
        try:
            with open_tiff(path) as tiff:
                told = json.loads(tiff.pages.first.description)
                if told["key"] != self.key:
                    return None
                pages = read_pages(tiff.series[0], path)
                # Unpacking does not notice every byte that was changed.
                if told.get("sha256", "") not in ("", array_hash(pages)):
                    return None
            maps = dict(zip(told["maps"], pages, strict=True))
            flows = [maps.pop(name) for name in FLOWS if name in maps]
            found = Segmentation(
                labels=np.zeros(pages.shape[-2:], np.int32),
                maps=maps,
                objects=pd.DataFrame(),
                settings=self.settings,
                model=self.model,
                notes=tuple(told["notes"]),
                flows=np.stack(flows) if flows else None,
                **{name: told[name] for name in _TOLD},
            )
        except (DataError, ValueError, KeyError, TypeError):
            return None
        return found.relabel(self.settings)

    def keep(self, place: tuple[int, ...], found: Segmentation) -> None:
        """Write the maps of a plane, if that is wanted.

        Raises
        ------
        DataError
            If they cannot be written.
        """
        if not self.writes:
            return
        maps = dict(found.maps)
        if found.flows is not None:
            maps.update(zip(FLOWS, found.flows, strict=True))
        told = {name: getattr(found, name) for name in _TOLD}
        told |= {"key": dict(self.key), "maps": list(maps), "notes": list(found.notes)}
        pages = np.stack([np.asarray(m, np.float32) for m in maps.values()])
        told["sha256"] = array_hash(pages)
        path = self._path(place)
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(path.parent, error) from error
        replace_file(
            path,
            lambda stream: tifffile.imwrite(
                stream,
                pages,
                photometric="minisblack",
                compression="zstd",
                predictor=True,
                rowsperstrip=_ROWS,
                description=json.dumps(told),
                metadata=None,
            ),
            True,
        )

    def _path(self, place: tuple[int, ...]) -> Path:
        """File of the maps of a plane."""
        return self.base.with_name(
            "-".join([self.base.name, *map(str, place)]) + ".tif"
        )
