"""Start of napari with the results of a folder, for the command line."""

from __future__ import annotations

from pathlib import Path

import napari

from napari_pmrnet._software import OURS

DOCK = "Segment a folder"


def review_in_napari(output: Path, image: str = "") -> None:
    """Open a window with the results of a folder, and wait until it is closed.

    Parameters
    ----------
    output : Path
        Folder of the results.
    image : str
        `Row.key` of the image to begin with; empty: none.
    """
    viewer = napari.Viewer()
    _, dock = viewer.window.add_plugin_dock_widget(OURS, DOCK)
    dock.show_results(output, image)
    napari.run()
