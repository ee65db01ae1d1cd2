"""The commands ``napari-pmrnet models``: the library of models in a terminal."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from napari_pmrnet.cli.shared import say

app = typer.Typer(
    help="List, rename, delete, export and import models.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="Name of a model.", metavar="NAME")]


class Format(Enum):
    """Formats that a model is exported to."""

    zip = "zip"
    onnx = "onnx"
    bioimageio = "bioimageio"


@app.command("list")
def list_models() -> None:
    """List all models, the shipped ones first."""
    from napari_pmrnet.models.card_text import entries, summary

    found = entries()
    rows: list[tuple[str, ...]] = [("name", "parent", "date", "images", "score", "")]
    for entry in found:
        kind = "shipped" if entry.shipped else "yours"
        rows.append((*summary(entry, found).values(), kind))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (text.ljust(n) for text, n in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())
    for entry in found:
        if entry.fault:
            say(f"{entry.name}: {entry.fault}")


@app.command()
def show(name: Name) -> None:
    """Show what the card of a model says, and where its file is."""
    from napari_pmrnet.models.card import read_card
    from napari_pmrnet.models.card_text import describe, entries
    from napari_pmrnet.models.library import find_weights

    path = find_weights(name)
    rows = [*describe(read_card(path), entries()), ("File", str(path))]
    for label, text in rows:
        say(f"{label}: {text}")


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="Name so far.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="Name from now on.", metavar="NEW")],
) -> None:
    """Give one of your models another name."""
    from napari_pmrnet.models.user_models import rename_model

    rename_model(old, new)
    say(f"'{old}' is now '{new}'.")


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete one of your models from the disk."""
    from napari_pmrnet.models.user_models import delete_model, own_weights

    path = own_weights(name)
    if not yes:
        typer.confirm(f"Delete '{name}' ({path})? It cannot be undone.", abort=True)
    delete_model(name)
    say(f"'{name}' was deleted.")


@app.command()
def export(
    name: Name,
    file: Annotated[
        Path, typer.Argument(help="File to write: .zip, .onnx or .bioimageio.zip.")
    ],
    kind: Annotated[
        Format | None,
        typer.Option("--format", help="By default what the ending of FILE says."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace FILE if it is there.")
    ] = False,
) -> None:
    """Export a model and run the exported one against ours.

    zip: weights and card, to be imported elsewhere. onnx: the network for other
    programs. bioimageio: the same in a model package of bioimage.io.
    """
    from napari_pmrnet.export.write import export_model

    ending = None if kind is None else kind.value
    done = export_model(name, file, ending, overwrite=overwrite)
    say(f"{done.path}: written. {done.checked}")


@app.command("import")
def import_(
    file: Annotated[
        Path,
        typer.Argument(
            help=".safetensors file with its card (.json) beside it, or .zip of both."
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name here; by default that of the card.")
    ] = None,
) -> None:
    """Verify a model from elsewhere and add it to yours."""
    from napari_pmrnet.models.user_models import import_model

    say(f"'{import_model(file, name)}' was verified and imported.")
