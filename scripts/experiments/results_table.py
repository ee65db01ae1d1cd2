r"""The table at the head of docs/results.md: every set, of one model or of several.

    python scripts/experiments/results_table.py --data DIR \
        --model before=DIR/before.safetensors --model now=nuclei > table.md

DIR holds the packed data sets of `ROWS`; those that are not there are left out. Beside
each figure stands its 95 % interval by bootstrap over images.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.datasets.table import SPECKS
from napari_pmrnet.evaluation.evaluate import ImageScore, evaluate
from napari_pmrnet.evaluation.intervals import interval_row, with_intervals
from napari_pmrnet.evaluation.report import markdown_table
from napari_pmrnet.models import Model, load_model
from napari_pmrnet.settings import Settings

Chosen = Callable[[pd.Series], bool]


def of_modality(names: str) -> Chosen:
    """Choose the images of some modalities, each of one letter."""
    return lambda row: str(row["modality"])[-1:] in set(names)


def named(part: str) -> Chosen:
    """Choose the images whose identifier holds a text."""
    return lambda row: part in str(row.name)


def every(row: pd.Series) -> bool:
    """Choose all images."""
    return True


ROWS: dict[str, dict[str, Chosen]] = {
    "dsb18": {
        "DSB18": every,
        "DSB18, fluorescence (a, f)": of_modality("af"),
        "DSB18, stained and other (b-e)": of_modality("bcde"),
        "StarDist's 50": lambda row: row.get("stardist") == "test",
    },
    "bbbc039": {"BBBC039": every},
    "bitdepth_nucseg": {
        "mouse sections, 20x": named("_20x_"),
        "mouse sections, 40x air": named("_40x_air_"),
        "mouse sections, 40x oil": named("_40x_oil_"),
        "mouse sections, 63x oil": named("_63x_oil_"),
    },
    "tnbc": {"TNBC (H&E)": every},
}
SPECKS_BELOW = {"bbbc039": 60}
"""Pixels below which a nucleus is a speck, where the table of a set does not say so."""
WITHOUT_SPECKS = " without specks"


def scores_of(
    model: Model, dataset: PackedDataset
) -> list[tuple[pd.Series, ImageScore]]:
    """Row of the table and scores of every image, with the settings of a new user."""
    if dataset.name in SPECKS_BELOW and SPECKS not in dataset.table:
        dataset.table[SPECKS] = SPECKS_BELOW[dataset.name]
    scores = evaluate(model, dataset, Settings.for_card(model.card))
    return [(dataset.table.loc[s.image_id], s) for s in scores]


def rows_of(
    known: list[tuple[pd.Series, ImageScore]], chosen: dict[str, Chosen]
) -> dict[str, dict[str, float]]:
    """Title and figures of each choice of images that holds any."""
    rows = {}
    for title, wanted in chosen.items():
        scores = [score for row, score in known if wanted(row)]
        if not scores:
            continue
        figures = interval_row(scores)
        rows[title] = {k: v for k, v in figures.items() if WITHOUT_SPECKS not in k}
        if any(WITHOUT_SPECKS in name for name in figures):
            rows[f"{title}{WITHOUT_SPECKS}"] = {"images": len(scores)} | {
                name.replace(WITHOUT_SPECKS, ""): value
                for name, value in figures.items()
                if WITHOUT_SPECKS in name
            }
    return rows


def main() -> None:
    """Score every model on every set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--model",
        action="append",
        required=True,
        metavar="NAME=MODEL",
        help="what to call a model, and its name or .safetensors file",
    )
    parser.add_argument("--subset", default="test")
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_args()
    keep_freed_memory()
    models, table = {}, {}
    for given in arguments.model:
        name, _, weights = given.rpartition("=")
        model = models[name or weights] = load_model(weights, arguments.device)
        for folder, chosen in ROWS.items():
            if not (arguments.data / folder).is_dir():
                continue
            dataset = PackedDataset(arguments.data / folder, subset=arguments.subset)
            for title, row in rows_of(scores_of(model, dataset), chosen).items():
                table[title, name or weights] = row
    # Each row of the first model is followed by the same one of the others.
    titles = list(dict.fromkeys(title for title, _ in table))
    order = [(t, name) for t in titles for name in models if (t, name) in table]
    shown = with_intervals(pd.DataFrame([table[place] for place in order]))
    shown.insert(0, "weights", [name for _, name in order])
    shown.index = pd.Index([title for title, _ in order], name=f"{arguments.subset} of")
    print(markdown_table(shown))
    for name, model in models.items():
        print(f"\n{name}: {model.name} {model.card.sha256[:12]} on {model.runs_on}")
    print(f"\n{date.today():%d %B %Y}, settings that users start with")


if __name__ == "__main__":
    main()
