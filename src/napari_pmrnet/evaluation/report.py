"""A folder with everything an evaluation found: tables, plots, the worst images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.evaluation.intervals import with_intervals
from napari_pmrnet.evaluation.plots import (
    plot_precision,
    plot_reliability,
    plot_worst,
)
from napari_pmrnet.evaluation.tables import Scores, has_objects, image_table
from napari_pmrnet.io.permit import Permit
from napari_pmrnet.io.write import replace_files
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Settings, segment

WORST = 8
PLOTS = {"precision.png": plot_precision, "reliability.png": plot_reliability}
"""Plots of instances, by file."""
FILES = ("images.csv", "scores.json", "report.md", "worst.png", *PLOTS)


def write_report(
    folder: Path,
    scores: Scores,
    tables: Mapping[str, pd.DataFrame],
    model: Model,
    dataset: OpenedDataset,
    settings: Settings,
    conditions: Mapping[str, str],
    overwrite: bool = False,
) -> list[Path]:
    """Write ``images.csv``, ``scores.json``, ``report.md`` and the plots that apply.

    Parameters
    ----------
    folder : Path
        Made if missing.
    scores : list of ImageScore
    tables : mapping of DataFrame
        Their `summary`.
    model, dataset, settings
        What the scores were made with; the worst images are segmented again.
    conditions : mapping of str
        What was run, for the head of the report.
    overwrite : bool
        Whether files of an earlier report may be replaced.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    DataError
        If one of them cannot be written: then none is.
    """
    check_report_place(folder, overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    images = image_table(scores)
    texts = {
        "images.csv": str(images.round(4).to_csv()),
        "scores.json": _as_json(tables, conditions),
        "report.md": _as_markdown(tables, images, conditions),
    }
    worst = images.sort_values(_ranking(images)).index[:WORST]
    figures = {"worst.png": plot_worst(_segment_again(worst, model, dataset, settings))}
    if has_objects(scores):
        figures |= {name: plot(scores) for name, plot in PLOTS.items()}
    contents = {name: text.encode() for name, text in texts.items()}
    for name, figure in figures.items():
        stream = BytesIO()
        figure.savefig(stream, format="png")
        contents[name] = stream.getvalue()
    placed = {folder / name: contents[name] for name in sorted(contents)}
    replace_files(placed, overwrite)
    return list(placed)


def check_report_place(folder: Path, overwrite: bool) -> None:
    """Raise a `DataError` if a report may not be written to a folder."""
    for name in FILES:
        Permit(overwrite).check(folder / name)


def _ranking(images: pd.DataFrame) -> str:
    """The column of an `image_table` by which images are worse or better."""
    return "AP0.5" if "AP0.5" in images else "Dice"


def _segment_again(
    ids: Iterable[str], model: Model, dataset: OpenedDataset, settings: Settings
) -> Iterable[tuple[str, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Id, image, truth, labels and certainty map of some images."""
    for image_id in ids:
        image, truth = dataset.load(image_id)
        result = segment(image, settings, model, image_name=image_id)
        yield image_id, image, truth, result.labels, result.maps["certainty"]


def _as_json(tables: Mapping[str, pd.DataFrame], conditions: Mapping[str, str]) -> str:
    rows = {
        title: json.loads(str(table.to_json(orient="index", double_precision=6)))
        for title, table in tables.items()
    }
    return json.dumps({"conditions": dict(conditions), **rows}, indent=2) + "\n"


def _as_markdown(
    tables: Mapping[str, pd.DataFrame],
    images: pd.DataFrame,
    conditions: Mapping[str, str],
) -> str:
    lines = ["# Evaluation", ""]
    lines += [f"- {name}: {value}" for name, value in conditions.items()]
    ranking = _ranking(images)
    instances = ranking != "Dice"
    columns = ["modality", *(["nuclei", "found"] if instances else []), "Dice"]
    columns += [ranking] if instances else []
    plots = "![AP against IoU](precision.png) ![Reliability](reliability.png)"
    for title, table in tables.items():
        lines += ["", f"## {title}", "", _table(table)]
    lines += [
        "",
        "Ratios of nothing to nothing are 1. Distances, in pixels at 256 x 256, are 0",
        "where both masks are empty and the image's diagonal where one is (`failed`).",
        "",
        *([plots, ""] if instances else []),
        f"## The {WORST} images of lowest {'AP at IoU 0.5' if instances else 'Dice'}",
        "",
        "![Image, truth, labels, certainty](worst.png)",
        "",
        markdown_table(images.sort_values(ranking).loc[:, columns].head(WORST)),
        "",
    ]
    return "\n".join(lines)


def _table(table: pd.DataFrame) -> str:
    """One of the tables of a `summary`."""
    return markdown_table(with_intervals(table).rename_axis("images of"))


def markdown_table(table: pd.DataFrame) -> str:
    """A table in Markdown: counts as they are, other numbers with three digits."""
    columns = [_cells(table.loc[:, name]) for name in table]
    rows = zip(map(str, table.index), *columns, strict=True)
    head = [table.index.name or "", *map(str, table.columns)]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(column: pd.Series) -> list[str]:
    """A column as text."""
    if not pd.api.types.is_numeric_dtype(column):
        return [str(value) for value in column]
    digits = 0 if (column == column.round()).all() else 3
    return [f"{value:.{digits}f}" for value in column]
