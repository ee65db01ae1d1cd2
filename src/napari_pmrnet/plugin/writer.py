"""napari writer: a labels layer as a TIFF that Fiji opens with its pixel size."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari import current_viewer

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.provenance import METADATA_KEY, Provenance
from napari_pmrnet.io.space import Space
from napari_pmrnet.plugin.layers.label_export import permit_for


def write_labels_layer(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Write one labels layer.

    Parameters
    ----------
    path : str
        File to write, ending in .tif or .tiff; without an ending .tif is added.
    data : array or sequence of arrays
        Labels; of a multiscale layer the finest level is written.
    meta : dict
        Attributes of the layer. ``scale``, ``units`` and ``axis_labels`` are kept, and
        ``settings`` and ``weights_hash`` of ``metadata["napari_pmrnet"]``.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    OSError
        If the labels or the path cannot be written; its text names the file and says
        what to do. Not a ValueError, of which napari's `write_layers` makes "a plugin
        could not be found".
    """
    made = (meta.get("metadata") or {}).get(METADATA_KEY) or {}
    viewer = current_viewer()
    permit = permit_for(path, () if viewer is None else viewer.layers)
    try:
        written = write_labels(
            path,
            np.asarray(data[0] if meta.get("multiscale") else data),
            Space.of(
                meta.get("axis_labels"),
                meta.get("scale"),
                meta.get("units"),
                meta.get("translate"),
            ),
            Provenance.from_dict(made),
            overwrite=permit,
        )
    except DataError as error:
        raise OSError(str(error)) from error
    return [str(written)]
