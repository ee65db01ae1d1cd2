"""The command ``napari-pmrnet``: segment, train, evaluate, benchmark.

Heavy modules are imported by the command that needs them, so that help is instant.
"""

from __future__ import annotations

import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import Field, fields
from datetime import date
from enum import Enum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from rich.console import Console
from rich.progress import Progress

from napari_pmrnet._allocator import keep_freed_memory
from napari_pmrnet._software import needs
from napari_pmrnet.datasets.commands import app as data_app
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.finetuning.command import finetune
from napari_pmrnet.models_cli import app as models_app
from napari_pmrnet.pretrained.library import find_weights, read_card
from napari_pmrnet.segmentation.settings import TUNED, Settings

if TYPE_CHECKING:
    from napari_pmrnet.training.fit import EpochReport

app = typer.Typer(
    help="Segment cell nuclei with PMRNet.", no_args_is_help=True, add_completion=False
)
app.add_typer(data_app, name="data")
app.command()(finetune)
app.add_typer(models_app, name="models")
console = Console(soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)

Data = Annotated[
    Path, typer.Option(help="Folder with images/, labels/ and a split table.")
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
Strict = Annotated[
    bool,
    typer.Option(help="Stop if a file is faulty, rather than go on without it."),
]


class LinkAxis(Enum):
    """Axes of a file through which nuclei can be linked."""

    t = "t"
    z = "z"


class _Warnings(logging.Handler):
    """Prints what is logged in yellow, above a progress bar that is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(self.format(record), style="yellow")


def complain(line: str, style: str = "red") -> None:
    """Print a line to standard error, above a progress bar that is shown.

    The bar takes what is written to `sys.stderr` above itself; a console of rich
    writes past it.
    """
    with errors.capture() as printed:
        errors.print(line, style=style, markup=False, highlight=False)
    sys.stderr.write(printed.get())


def main() -> None:
    """Entry point of the console script."""
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[_Warnings()]
    )
    keep_freed_memory()
    try:
        app()
    except PMRNetError as error:
        errors.print(f"Error: {error}", style="red", markup=False, highlight=False)
        raise SystemExit(1) from error


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for every field of `Settings`.

    The command is called with the `Settings` made from them as ``settings``.
    """
    hints = get_type_hints(Settings)
    options = {spec.name: _option(spec, hints[spec.name]) for spec in fields(Settings)}

    @wraps(command)
    def run(**arguments: Any) -> None:
        values = {name: arguments.pop(name) for name in options}
        given = {k: v for k, v in values.items() if k not in TUNED or v is not None}
        card = read_card(find_weights(values["model"]))
        command(settings=Settings.for_card(card, **given), **arguments)

    own = inspect.signature(command, eval_str=True).parameters
    kept = [p for name, p in own.items() if name != "settings"]
    run.__signature__ = inspect.Signature([*kept, *options.values()])  # type: ignore[attr-defined]
    run.__annotations__ = {
        p.name: p.annotation for p in run.__signature__.parameters.values()
    }
    return run


def _option(spec: Field[Any], hint: Any) -> inspect.Parameter:
    """Command-line option of one settings field."""
    bounds = {key: spec.metadata.get(key) for key in ("min", "max")}
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


@app.command()
@with_settings
def segment(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="TIFF, PNG, JPEG or OME-Zarr images, folders of them, and patterns "
            "such as 'plate/*.tif'.",
            metavar="INPUT",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(help="Folder for label TIFFs, summary.csv, contact_sheet.html."),
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
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Scheduler of a dask.distributed cluster whose workers do the work, "
            "such as tcp://10.0.0.5:8786. By default this computer alone.",
            metavar="ADDRESS",
        ),
    ] = None,
    link: Annotated[
        LinkAxis | None,
        typer.Option(
            help="Axis of stacks, time or depth, through which a nucleus keeps its "
            "number where it overlaps from plane to plane.",
        ),
    ] = None,
) -> None:
    """Segment images and folders: a label TIFF each, a table and a contact sheet.

    A file that cannot be segmented is named and the others go on (exit status 1).

    Started again, the command goes on where it stopped: files that are finished, with
    the same settings and weights, are not segmented again. Ctrl+C leaves finished
    files whole (exit status 130).
    """
    from napari_pmrnet.batch.console import segment_in_terminal
    from napari_pmrnet.batch.job import BatchJob

    job = BatchJob(
        tuple(inputs),
        output,
        settings,
        recursive,
        overwrite,
        strict,
        scheduler=scheduler,
        link=None if link is None else link.value,
    )
    status = segment_in_terminal(job, console, complain)
    if status:
        raise typer.Exit(status)


@app.command()
def train(
    data: Data,
    output: Annotated[Path, typer.Option(help="Weights to write (.safetensors).")],
    dataset: Dataset = None,
    max_side: MaxSide = None,
    split: Split = None,
    column: Column = "split",
    config: Annotated[
        Path | None,
        typer.Option(help="JSON with training settings; the rest keep their defaults."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="pmrnet, or for comparison unet, unetplusplus or attention_unet: "
            "these leave a checkpoint (.ckpt) that the plugin cannot use.",
            metavar="NETWORK",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="What to learn: instances (nuclei apart), objects (connected parts), "
            "or classes (label k is the k-th class). Published data sets without "
            "instances are learned as objects.",
        ),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option(help="Names of the classes, that of label 1 first: polyp,tool."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Number of epochs.", min=1)] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    strict: Strict = False,
    leave_out: Annotated[
        str | None,
        typer.Option(
            help="Train and validate without the images of this modality.",
            metavar="MODALITY",
        ),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="Begin with these weights (dsb18, or a file) instead of random ones.",
            metavar="MODEL",
        ),
    ] = None,
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Fuse the network's kernels first: for long runs on a GPU.",
        ),
    ] = False,
) -> None:
    """Train a network; started again after a kill, it goes on where it stopped."""
    from napari_pmrnet.datasets.registry import labels_of
    from napari_pmrnet.pretrained.devices import choose_device
    from napari_pmrnet.training.config import TrainConfig
    from napari_pmrnet.training.run import train as run

    in_file = json.loads(config.read_text()) if config else {}
    names = tuple(name.strip() for name in classes.split(",")) if classes else ()
    kind = labels or labels_of(dataset)
    values = TrainConfig().for_labels(kind, names).as_dict() | in_file
    given = {"network": model, "epochs": epochs, "seed": seed}
    values |= {name: value for name, value in given.items() if value is not None}
    with progress_bar() as bar:
        task = bar.add_task("preparing images", total=None)
        card = run(
            data,
            split,
            output,
            TrainConfig.from_dict(values),
            dataset=dataset,
            max_side=max_side,
            column=column,
            device=str(choose_device(device)),
            strict=strict,
            leave_out=leave_out,
            start_from=start_from,
            compiled=compiled,
            report=lambda epoch: bar.console.print(_epoch_line(epoch)),
            preparing=lambda done, total: bar.update(task, completed=done, total=total),
        )
    console.print(f"{output}: validation Dice {card['val']['Dice']}")


def _epoch_line(epoch: EpochReport) -> str:
    """One line of progress with the time left."""
    losses = "  ".join(f"{name} {value:.3f}" for name, value in epoch.losses.items())
    score = "" if epoch.val_dice is None else f"  val Dice {epoch.val_dice:.4f}"
    left = f"{epoch.seconds_left / 60:.0f} min left"
    return f"epoch {epoch.epoch}/{epoch.epochs}  {losses}{score}  {left}"


@app.command()
@with_settings
def evaluate(
    *,
    data: Data,
    output: Annotated[
        Path | None, typer.Option(help="Folder for tables, plots and the worst images.")
    ] = None,
    dataset: Dataset = None,
    max_side: MaxSide = None,
    split: Split = None,
    column: Column = "split",
    subset: Annotated[str, typer.Option(help="Value of that column.")] = "test",
    strict: Strict = False,
    settings: Settings,
) -> None:
    """Score a model: foreground, nuclei and certainty, overall and by modality."""
    from napari_pmrnet.datasets.registry import open_dataset
    from napari_pmrnet.evaluation import evaluate as scoring
    from napari_pmrnet.evaluation.tables import summary
    from napari_pmrnet.pretrained import load_model

    if output is not None:
        with needs("train", "The report"):
            from napari_pmrnet.evaluation.report import write_report
    model = load_model(settings.model, settings.device)
    opened = open_dataset(
        dataset, data, split, column, subset, strict, max_side=max_side
    )
    with progress_bar() as bar:
        task = bar.add_task(f"{column} = {subset}", total=len(opened.ids))
        scores = scoring.evaluate(
            model, opened, settings, lambda done, _: bar.update(task, completed=done)
        )
    conditions = {
        "weights": f"{model.name} {model.card['sha256'][:12]}",
        "images": f"{len(scores)}, {column} = {subset} of {opened.split_name}",
        "settings": json.dumps(settings.as_dict()),
        "device": model.runs_on,
        "date": f"{date.today():%Y-%m-%d}",
    }
    for name, value in conditions.items():
        console.print(f"{name}: {value}", highlight=False)
    tables = summary(scores)
    for title, table in tables.items():
        console.print(f"\n{title}", style="bold")
        console.print(table.T.round(3).to_string(), highlight=False)
    if output is not None:
        for path in write_report(
            output, scores, tables, model, opened, settings, conditions
        ):
            console.print(str(path))


@app.command()
def benchmark(
    model: Annotated[str, typer.Option(help="Name or .safetensors file.")] = "dsb18",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    rounds: Annotated[int, typer.Option(help="Turns a candidate takes.", min=1)] = 7,
    output: Annotated[
        Path | None, typer.Option(help="Markdown file for the tables.")
    ] = None,
) -> None:
    """Measure the speed on this machine, against a U-Net where MONAI is installed."""
    from napari_pmrnet.evaluation.benchmark import as_markdown, run_benchmark

    with progress_bar() as bar:
        task = bar.add_task("loading the network", total=None)
        report = run_benchmark(
            model, device, rounds, lambda text: bar.update(task, description=text)
        )
    text = as_markdown(report)
    console.print(text, markup=False, highlight=False)
    if output is not None:
        output.write_text(text, encoding="utf-8")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Progress bar with the time left, gone when done."""
    with Progress(console=console, transient=True) as bar:
        yield bar
