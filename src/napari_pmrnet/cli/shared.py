"""Parts shared by all commands: the terminal, options, one option a setting."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import Field, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn

from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import current_name, find_weights
from napari_pmrnet.settings import TUNED, Settings

console = Console(soft_wrap=True, emoji=False)
errors = Console(stderr=True, soft_wrap=True, emoji=False)
DataSets = Annotated[
    list[Path],
    typer.Option(
        help="Folder with images/, labels/ and a split table. Give it again for each "
        "further data set."
    ),
]
Split = Annotated[
    Path | None, typer.Option(help="Split table; by default split.csv of the folder.")
]
Dataset = Annotated[
    str | None,
    typer.Option(
        help="Published data set whose layout the folder has: a name of 'data list'. "
        "By default the layout that --data describes.",
        metavar="NAME",
    ),
]
MaxSide = Annotated[
    int | None,
    typer.Option(
        help="Shrink images of --dataset whose longer side has more pixels.", min=32
    ),
]
Column = Annotated[str, typer.Option(help="Column of the split table.")]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", help="Replace files of --output."),
]
Strict = Annotated[
    bool,
    typer.Option(help="Stop if a file is faulty, rather than go on without it."),
]


def print_any_name() -> None:
    """Print what the encoding of the output lacks as an escape, rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(line: str, style: str | None = None) -> None:
    """Print a line as it is."""
    console.print(line, style=style, markup=False, highlight=False)


def complain(line: str, style: str = "red") -> None:
    """Print a line to standard error, above a progress bar that is shown.

    The bar takes what is written to `sys.stderr` above itself; a console of rich
    writes past it.
    """
    with errors.capture() as printed:
        errors.print(line, style=style, markup=False, highlight=False)
    sys.stderr.write(printed.get())


_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_CONTEXT = inspect.Parameter("context", _KEYWORD, annotation=typer.Context)
_PRESET = inspect.Parameter(
    "preset",
    _KEYWORD,
    default=None,
    annotation=Annotated[
        str | None,
        typer.Option(
            help="Settings saved in the docks under a name, or a .pmrnet-preset file; "
            "options given beside it go before.",
            metavar="NAME|FILE",
        ),
    ],
)


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for every field of `Settings`.

    The command is called with the `Settings` made from them as ``settings``, over those
    of a preset if one is named.
    """
    hints = get_type_hints(Settings)
    options = {spec.name: _option(spec, hints[spec.name]) for spec in fields(Settings)}

    @wraps(command)
    def run(context: typer.Context, **arguments: Any) -> None:
        preset = arguments.pop("preset")
        values = {name: arguments.pop(name) for name in options}
        if preset is not None:
            from napari_pmrnet.segmentation.presets import read_preset

            flags = {k: v for k, v in values.items() if _is_given(context, k)}
            values = {**read_preset(preset).as_dict(), **flags}
        values["model"] = current_name(values["model"])
        given = {k: v for k, v in values.items() if k not in TUNED or v is not None}
        card = read_card(find_weights(values["model"]))
        try:
            settings = Settings.for_card(card, **given)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        command(settings=settings, **arguments)

    own = inspect.signature(command, eval_str=True).parameters
    kept = [p for name, p in own.items() if name != "settings"]
    both = [_CONTEXT, *kept, _PRESET, *options.values()]
    vars(run)["__signature__"] = inspect.Signature(both)
    run.__annotations__ = {p.name: p.annotation for p in both}
    return run


def _is_given(context: typer.Context, name: str) -> bool:
    """Tell whether an option was named on the command line."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _option(spec: Field[Any], hint: Any) -> inspect.Parameter:
    """Command-line option of one settings field."""
    bounds: dict[str, Any] = {key: spec.metadata.get(key) for key in ("min", "max")}
    text, default = spec.metadata["help"], spec.default
    if spec.name in TUNED:
        text, default, hint = (
            f"{text} By default as tuned for the model.",
            None,
            hint | None,
        )
    option = typer.Option(help=text, **bounds)
    return inspect.Parameter(
        spec.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[hint, option],
    )


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Progress bar with the time left, gone when done; its text is shown as it is."""
    text = TextColumn("{task.description}", style="progress.description", markup=False)
    _, *others = Progress.get_default_columns()
    with Progress(text, *others, console=console, transient=True) as bar:
        yield bar
