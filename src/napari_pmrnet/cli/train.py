"""The command ``napari-pmrnet train``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_pmrnet.cli.shared import (
    Column,
    Dataset,
    DataSets,
    MaxSide,
    Split,
    Strict,
    progress_bar,
    say,
)
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from napari_pmrnet.training.trainer import EpochReport


def train(
    data: DataSets,
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
    weights: Annotated[
        str | None,
        typer.Option(
            help="How much more often the images of each --data are drawn: 1,2,1.",
            metavar="NUMBERS",
        ),
    ] = None,
    leave_out: Annotated[
        str | None,
        typer.Option(
            help="Train and validate without the images of this modality; of several "
            "data sets SET-MODALITY, or SET where that knows none.",
            metavar="MODALITY",
        ),
    ] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help=f"Begin with these weights ({Settings.model}, or a file) instead of "
            "random ones.",
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
    from napari_pmrnet.errors import DataError
    from napari_pmrnet.models.backends.devices import choose_device
    from napari_pmrnet.research.networks import train_for_comparison
    from napari_pmrnet.research.registry import labels_of, open_datasets
    from napari_pmrnet.training.config import TrainConfig
    from napari_pmrnet.training.train import train as run

    in_file = {} if config is None else _settings_in(config)
    names = tuple(name.strip() for name in classes.split(",")) if classes else ()
    kind = labels or labels_of(dataset)
    values = TrainConfig().for_labels(kind, names).as_dict() | in_file
    given = {"network": model, "epochs": epochs, "seed": seed}
    values |= {name: value for name, value in given.items() if value is not None}
    recipe = TrainConfig.from_dict(values)
    if start_from is not None and not recipe.is_whole:
        raise DataError("--start-from: only the whole PMRNet begins with weights.")
    opened = open_datasets(
        dataset,
        data,
        _numbers(weights),
        leave_out,
        split_file=split,
        column=column,
        subset=("train", "val"),
        strict=strict,
        max_side=max_side,
    )
    sets = opened.only("train"), opened.only("val")
    with progress_bar() as bar:
        stage = _Stage(bar)
        options: dict[str, Any] = {
            "device": str(choose_device(device)),
            "compiled": compiled,
            "report": lambda epoch: bar.console.print(_epoch_line(epoch)),
            "preparing": partial(stage, "preparing training images"),
        }
        if recipe.is_whole:
            options["fitting"] = partial(stage, "fitting on validation images")
            card = run(*sets, output, recipe, start_from=start_from, **options)
            dice = card.val["Dice"]
        else:
            dice = round(train_for_comparison(*sets, output, recipe, **options), 4)
    say(f"{output}: validation Dice {dice}")


class _Stage:
    """What goes on besides the epochs: in the bar, or once as a line of a log."""

    def __init__(self, bar: Progress) -> None:
        self._bar, self._last = bar, ""
        self._task = bar.add_task("reading images", total=None)

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show how many of how many images are done."""
        if what != self._last and not self._bar.console.is_terminal:
            self._bar.console.print(f"{what} ({total})")
        self._last = what
        self._bar.update(self._task, description=what, completed=done, total=total)


def _numbers(text: str | None) -> list[float]:
    """Numbers between commas."""
    from napari_pmrnet.errors import DataError

    try:
        return [float(number) for number in text.split(",")] if text else []
    except ValueError:
        raise DataError(
            f"--weights: {text} are no numbers. Give one a data set, such as 1,2,1."
        ) from None


def _settings_in(path: Path) -> dict[str, Any]:
    """Training settings of a JSON file, known to be some."""
    from napari_pmrnet.errors import DataError
    from napari_pmrnet.training.config import TrainConfig

    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        TrainConfig.from_dict(values)
    except (OSError, TypeError, ValueError) as error:
        raise DataError(
            f"{path}: holds no training settings ({error}). Name a JSON file with "
            'some of them, such as {"epochs": 40}.'
        ) from error
    return values


def _epoch_line(epoch: EpochReport) -> str:
    """One line of progress with the time left."""
    losses = "  ".join(f"{name} {value:.3f}" for name, value in epoch.losses.items())
    score = "" if epoch.val_dice is None else f"  val Dice {epoch.val_dice:.4f}"
    left = f"{epoch.seconds_left / 60:.0f} min left"
    return f"epoch {epoch.epoch}/{epoch.epochs}  {losses}{score}  {left}"
