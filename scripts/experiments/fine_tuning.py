r"""Gain by correcting five images of an unseen imaging type.

    python scripts/experiments/fine_tuning.py --data DIR --base BASE --modality c \
        --output DIR

BASE is a model, or the checkpoint (.ckpt) of a training that left the modality out.
Five of its training images, of different mosaics where there are so many, are
corrected as they are in the data set, and learned from just as the dock does. Then the
test images of the modality, which are of other mosaics, are scored before and after,
and test images of the other modalities, which must not be forgotten. Settings are to be
chosen with ``--subset val``, where ``--learned`` adds training images of the other
modalities; ``--keeps`` scores the same training with other shares of the model's own
weights kept.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from napari_pmrnet._runtime import keep_freed_memory
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.evaluation.report import markdown_table
from napari_pmrnet.finetuning.corrections import Corrections
from napari_pmrnet.finetuning.finetune import mixed, tuned_model
from napari_pmrnet.finetuning.job import Job, TuneSettings
from napari_pmrnet.finetuning.run import run_job
from napari_pmrnet.models import load_model
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.model import Model
from napari_pmrnet.models.weights import save_model
from napari_pmrnet.research.networks import load_checkpoint
from napari_pmrnet.segmentation import Settings, segment
from napari_pmrnet.training.calibrate import prune_channels, used_channels


def usable(base: str, folder: Path) -> str:
    """The model to begin with; a checkpoint is written as weights first."""
    if not base.endswith(".ckpt"):
        return base
    model = load_checkpoint(Path(base))
    keep = used_channels(model.channels)
    state = prune_channels(model.network.network.state_dict(), model.channels, keep)
    described = new_card(keep).document["architecture"]
    path = folder / "base.safetensors"
    card = model.card.updated(architecture=described)
    save_model(path, state, card, overwrite=True)
    return str(path)


def chosen(dataset: PackedDataset, modality: str, count: int) -> list[str]:
    """Images of a modality, of different mosaics as far as there are enough."""
    table = dataset.table[dataset.table["modality"] == modality]
    table = table.sample(frac=1, random_state=0)
    first = table.drop_duplicates("mosaic").index
    rest = [i for i in table.index if i not in set(first)]
    return [*first, *rest][:count]


def corrected(dataset: PackedDataset, ids: list[str]) -> list[Corrections]:
    """Corrections that leave nothing to be desired."""
    found = []
    for image_id in ids:
        image, labels = dataset.load(image_id)
        numbers = np.unique(labels[labels > 0])
        found.append(Corrections(image_id, image, labels.astype(np.int32), numbers))
    return found


def scored(
    model: Model, images: Sequence[tuple[PackedDataset, str]]
) -> dict[str, float]:
    """AP at IoU 0.5 of some images."""
    matches = []
    for dataset, image_id in images:
        image, truth = dataset.load(image_id)
        found = segment(image, Settings.for_card(model.card), model).labels
        matches += match(truth, found, [0.5])
    pooled, per_image = average_precision(matches)
    return {"per image": per_image, "pooled": pooled}


def to_score(
    arguments: argparse.Namespace,
) -> tuple[list[tuple[PackedDataset, str]], list[tuple[PackedDataset, str]]]:
    """Images of the modality, and of the others, each with its data set."""
    of_it, others = [], []
    most = {arguments.subset: arguments.others, "train": arguments.learned}
    for subset, count in most.items():
        dataset = PackedDataset(arguments.data, subset=subset)
        for name, group in dataset.table.groupby("modality").groups.items():
            ids = pd.Series(group).sample(frac=1, random_state=0)
            if name != arguments.modality:
                others += [(dataset, i) for i in ids[:count]]
            elif subset == arguments.subset:
                of_it += [(dataset, i) for i in ids]
    return of_it, others


def models(arguments: argparse.Namespace, base: str) -> Iterator[tuple[str, Model]]:
    """Each row of the table: its name, and what is scored."""
    before = load_model(base, "cpu")
    yield "before", before
    tuned = load_model(arguments.tuned or trained(arguments, base), "cpu")
    yield "after", tuned
    states = before.network.state_dict(), tuned.network.state_dict()
    kept = tuned.card.training["keep"]
    for keep in arguments.keeps:
        state = mixed(*states, (keep - kept) / (1 - kept))
        yield f"after, {keep:g} kept", tuned_model(before, state)


def trained(arguments: argparse.Namespace, base: str) -> str:
    """Correct and learn; the weights that come out."""
    dataset = PackedDataset(arguments.data, subset="train")
    some = chosen(dataset, arguments.modality, arguments.images)
    folder = arguments.output / "job"
    shutil.rmtree(folder, ignore_errors=True)
    settings = TuneSettings(**arguments.settings)
    job = Job.create(folder, corrected(dataset, some), base, settings, "cpu")
    started = time.perf_counter()
    run_job(job)
    print(f"training and scores {time.perf_counter() - started:.0f} s")
    print(json.dumps({**asdict(settings), "steps": job.about["steps"]}))
    print({kind: job.last(kind)["scores"] for kind in ("before", "after")})
    return str(job.weights)


def main() -> None:
    """Correct, learn, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--modality", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--images", type=int, default=5)
    parser.add_argument("--others", type=int, help="at most so many of each modality")
    parser.add_argument("--subset", default="test", choices=("val", "test"))
    parser.add_argument(
        "--learned",
        type=int,
        default=0,
        help="so many training images of each other modality too",
    )
    parser.add_argument("--tuned", help="score these weights, train nothing")
    parser.add_argument("--keeps", type=float, nargs="+", default=[])
    parser.add_argument("--settings", type=json.loads, default={}, help="as JSON")
    arguments = parser.parse_args()
    keep_freed_memory()
    arguments.output.mkdir(parents=True, exist_ok=True)
    base = usable(arguments.base, arguments.output)
    of_it, others = to_score(arguments)
    rows = {}
    for name, model in models(arguments, base):
        new, old = (scored(model, group) for group in (of_it, others))
        rows[name] = {
            **{f"{arguments.modality} {key}": value for key, value in new.items()},
            **{f"others {key}": value for key, value in old.items()},
        }
    table = pd.DataFrame(rows).T.rename_axis("AP at IoU 0.5")
    print(markdown_table(table.round(3)))
    print(f"{len(of_it)} and {len(others)} images")


if __name__ == "__main__":
    main()
