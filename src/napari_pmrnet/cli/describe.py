"""The command ``napari-pmrnet describe``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pmrnet.cli.shared import say


def describe(
    path: Annotated[
        Path,
        typer.Argument(
            help="Label file, or output folder of 'segment'.", metavar="FILE_OR_FOLDER"
        ),
    ],
) -> None:
    """Say how labels were made, as a paragraph for the methods of a paper.

    It is read from the labels themselves: program, weights, thresholds, diameter and
    intensity limits, other settings that are not the default, and what to cite.
    """
    from napari_pmrnet.batch.description import describe_path

    say(describe_path(path))
