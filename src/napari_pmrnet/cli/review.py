"""The command ``napari-pmrnet review``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def review(
    *,
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of results of segment.", show_default=False),
    ],
    image: Annotated[
        str,
        typer.Option(
            help="Image to begin with: its name, or its path as summary.csv has it.",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Check and correct the labels of a folder in napari, image by image.

    Corrections go back into the label files; the labels as they were found are kept
    beside them.
    """
    from napari_pmrnet.batch.worklist import Worklist

    listed = Worklist(folder)
    file = listed.key_named(image) if image else listed.first()
    from napari_pmrnet.plugin.batch.start import review_in_napari

    review_in_napari(listed.output, file)
