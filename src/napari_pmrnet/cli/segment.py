"""The command ``napari-pmrnet segment``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from napari_pmrnet.cli.shared import (
    Strict,
    complain,
    console,
    with_settings,
)
from napari_pmrnet.settings import Settings


class LinkAxis(Enum):
    """Axes of a file through which nuclei can be linked."""

    t = "t"
    z = "z"


@with_settings
def segment(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Images: TIFF, PNG, JPEG, OME-Zarr and its plates, CZI, ND2, LIF and "
            "other formats of microscopes, folders of them, and patterns such as "
            "'plate/*.tif'.",
            metavar="INPUT",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(help="Folder for label TIFFs, tables and contact_sheet.html."),
    ],
    settings: Settings,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Also search the subfolders of folders.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Segment finished files again, and replace labels that were corrected "
            "since or made elsewhere.",
        ),
    ] = False,
    strict: Strict = False,
    mask_unreadable: Annotated[
        bool,
        typer.Option(
            "--mask-unreadable",
            help="Count chunks of an image that cannot be read as background, and say "
            "how many, rather than leave the image out.",
        ),
    ] = False,
    keep_maps: Annotated[
        bool,
        typer.Option(
            "--keep-maps",
            help="Keep the maps of the network in the output folder, 12 MB a "
            "megapixel. Later runs with other thresholds, sizes or certainty then "
            "need no network, with or without this option.",
        ),
    ] = False,
    scene: Annotated[
        str | None,
        typer.Option(
            help="Name or number, from 0, of the one image that is segmented of files "
            "that hold several (scenes, positions, series). By default all are.",
            metavar="NAME|NUMBER",
        ),
    ] = None,
    plate_labels: Annotated[
        bool,
        typer.Option(
            "--plate-labels",
            help="Also write the labels of every OME-Zarr plate as an OME-Zarr plate "
            "in the output folder. The plate that is read stays as it is.",
        ),
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Scheduler of a dask.distributed cluster whose workers do the work, "
            "such as tcp://10.0.0.5:8786. By default this computer alone.",
            metavar="ADDRESS",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            help="Processes of this computer that share the files, each with a network "
            "of its own: about 1 GB of memory and 3 seconds to start.",
            min=1,
        ),
    ] = 1,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Segment only the i-th of n parts of the files, such as 3/8. Each "
            "part may be a process of its own, at the same time and on other "
            "computers; when all are through, the command without --shard writes the "
            "tables.",
            metavar="I/N",
        ),
    ] = None,
    link: Annotated[
        LinkAxis | None,
        typer.Option(
            help="Link through an axis of stacks, time or depth: a nucleus keeps its "
            "number from plane to plane.",
        ),
    ] = None,
    classes: Annotated[
        list[str],
        typer.Option(
            "--class",
            help="Class of nuclei to count in counts.csv and name in objects.csv: "
            "NAME:COLUMN>=NUMBER or NAME/OTHER:COLUMN>=NUMBER with a column of "
            "objects.csv, such as 'GFP+/GFP-:intensity GFP>=120'. May be given again.",
            metavar="CLASS",
            show_default=False,
        ),
    ] = [],  # noqa: B006  typer's
) -> None:
    """Segment images and folders: a label TIFF each, tables and a contact sheet.

    A file that cannot be segmented is named and the others go on (exit status 1).

    Started again, the command goes on where it stopped: files that are finished, with
    the same settings and weights, are not segmented again. Ctrl+C leaves finished
    files whole (exit status 130).
    """
    from napari_pmrnet.batch.job import BatchJob
    from napari_pmrnet.batch.shard import Shard
    from napari_pmrnet.cli.batch_progress import segment_in_terminal

    try:
        job = BatchJob(
            tuple(inputs),
            output,
            settings,
            recursive,
            overwrite,
            strict,
            scheduler=scheduler,
            link=None if link is None else link.value,
            mask_unreadable=mask_unreadable,
            workers=workers,
            keep_maps=keep_maps,
            shard=None if shard is None else Shard.parse(shard),
            classes=tuple(classes),
            scene=scene,
            plate_labels=plate_labels,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    status = segment_in_terminal(job, console, complain)
    if status:
        raise typer.Exit(status)
