"""The commands ``napari-pmrnet evaluate`` and ``benchmark``."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from napari_pmrnet._software import needs
from napari_pmrnet.cli.shared import (
    Column,
    Dataset,
    DataSets,
    MaxSide,
    Overwrite,
    Split,
    Strict,
    progress_bar,
    say,
    with_settings,
)
from napari_pmrnet.datasets.table import MODALITY
from napari_pmrnet.settings import Settings


@with_settings
def evaluate(
    *,
    data: DataSets,
    output: Annotated[
        Path | None, typer.Option(help="Folder for tables, plots and the worst images.")
    ] = None,
    dataset: Dataset = None,
    max_side: MaxSide = None,
    split: Split = None,
    column: Column = "split",
    subset: Annotated[str, typer.Option(help="Value of that column.")] = "test",
    by: Annotated[
        str,
        typer.Option(help="Column of the split table whose values get a row each."),
    ] = MODALITY,
    strict: Strict = False,
    overwrite: Overwrite = False,
    settings: Settings,
) -> None:
    """Score a model: foreground, nuclei and certainty, overall, by set and modality."""
    from napari_pmrnet.evaluation import evaluate as scoring
    from napari_pmrnet.evaluation.intervals import with_intervals
    from napari_pmrnet.evaluation.tables import summary
    from napari_pmrnet.models import load_model
    from napari_pmrnet.research.registry import open_datasets

    if output is not None:
        with needs("research", "The report"):
            import matplotlib  # noqa: F401  missed before the work begins, if at all
        from napari_pmrnet.evaluation.report import check_report_place

        check_report_place(output, overwrite)
    model = load_model(settings.model, settings.device)
    opened = open_datasets(
        dataset,
        data,
        split_file=split,
        column=column,
        subset=subset,
        strict=strict,
        max_side=max_side,
    )
    with progress_bar() as bar:
        task = bar.add_task(f"{column} = {subset}", total=len(opened.ids))
        scores = scoring.evaluate(
            model,
            opened,
            settings,
            lambda done, _: bar.update(task, completed=done),
            by,
        )
    conditions = {
        "weights": f"{model.name} {model.card.sha256[:12]}",
        "images": f"{len(scores)}, {column} = {subset} of {opened.split_name}",
        "settings": json.dumps(settings.as_dict()),
        "device": model.runs_on,
        "date": f"{date.today():%Y-%m-%d}",
    }
    for name, value in conditions.items():
        say(f"{name}: {value}")
    tables = summary(scores)
    for title, table in tables.items():
        say(f"\n{title}", "bold")
        say(with_intervals(table).T.round(3).to_string())
    if output is not None:
        from napari_pmrnet.evaluation.report import write_report

        for path in write_report(
            output, scores, tables, model, opened, settings, conditions, overwrite
        ):
            say(str(path))


def benchmark(
    model: Annotated[
        str, typer.Option(help="Name or .safetensors file.")
    ] = Settings.model,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    rounds: Annotated[int, typer.Option(help="Turns a candidate takes.", min=1)] = 7,
    peers: Annotated[
        bool,
        typer.Option(
            "--peers",
            help="Also time StarDist, Cellpose 3 and InstanSeg, those that are "
            "installed, on the same image.",
        ),
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="File for the tables: Markdown, or .json or .csv."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Measure the speed on this machine, against a U-Net where MONAI is installed."""
    from napari_pmrnet.benchmark.peers import PEERS
    from napari_pmrnet.benchmark.report import as_markdown, writer
    from napari_pmrnet.benchmark.run import run_benchmark
    from napari_pmrnet.io.permit import Permit
    from napari_pmrnet.io.write import replace_file

    if output is not None:
        Permit(overwrite).check(output)
    with progress_bar() as bar:
        task = bar.add_task("loading the network", total=None)
        report = run_benchmark(
            model,
            device,
            rounds,
            lambda text: bar.update(task, description=text),
            PEERS if peers else (),
        )
    say(as_markdown(report))
    if output is not None:
        text = writer(output)(report)
        replace_file(output, text.encode(), overwrite)
