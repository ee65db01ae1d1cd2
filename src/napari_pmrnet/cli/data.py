"""The commands ``napari-pmrnet data``: which layouts can be read, and is this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_pmrnet.cli.shared import progress_bar, say

app = typer.Typer(
    help="Published data sets in the layout in which they are published.",
    no_args_is_help=True,
)


@app.command("list")
def list_datasets() -> None:
    """Name the data sets that can be read, their layout and their split."""
    from napari_pmrnet.research.registry import READERS

    for name, reader in READERS.items():
        say(name, "bold")
        for line in (
            f"{reader.title}, {reader.published} images",
            f"layout: {reader.layout}",
            f"split: {reader.split_rule}",
        ):
            say(f"  {line}")


@app.command("check")
def check_dataset(
    name: Annotated[str, typer.Argument(help="A name of 'data list'.")],
    folder: Annotated[Path, typer.Argument(help="The folder as it was unpacked.")],
    column: Annotated[
        str, typer.Option(help="Column to count by: split, grouped, fold<k>.")
    ] = "split",
    table: Annotated[
        Path | None,
        typer.Option(help="CSV file to write: every image with its split and group."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a --table that is there.")
    ] = False,
) -> None:
    """Read all of a data set: count what is there, and say what looks wrong.

    The exit status is 1 if the folder is of another data set or nothing can be used.
    """
    from napari_pmrnet.io.permit import Permit
    from napari_pmrnet.io.write import replace_file
    from napari_pmrnet.research.check import check, sizes
    from napari_pmrnet.research.published import where_split
    from napari_pmrnet.research.registry import open_reader

    if table is not None:
        Permit(overwrite).check(table)
    reader = open_reader(name, folder)
    with progress_bar() as bar:
        task = bar.add_task("reading", total=len(reader.items))
        found = check(reader, lambda done, _: bar.update(task, completed=done), column)
    if found.images.empty:
        say(f"{reader.root}: {reader.title}, but no image can be used.")
        _tell(found.problems)
        raise typer.Exit(1)
    say(f"{reader.root}: {reader.title}")
    say(f"images: {len(found.images)} (published: {reader.published})")
    say(f"objects: {'a label each' if reader.instances else 'united as one label'}")
    say(f"split: {where_split(reader) if column == 'split' else column}")
    say(f"sizes: {sizes(found.images)}")
    say(found.by_subset(column).to_string())
    _tell(found.problems)
    if table is not None:
        text = found.images.to_csv().encode()
        replace_file(table, text, overwrite)
        say(str(table))


def _tell(problems: list[str]) -> None:
    """Print every problem, and how many there are."""
    for line in problems:
        say(line, "yellow")
    say(f"{len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
