"""What a megapixel's time goes into, and whether a GPU gives the labels of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from napari_pmrnet.benchmark.clock import Row, take_turns, timed
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models.model import Model, load_model
from napari_pmrnet.segmentation.flow_labels import label_nuclei
from napari_pmrnet.segmentation.objects import certainty_map, describe_objects
from napari_pmrnet.segmentation.on_device import on_device
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import grid_for, take_flows
from napari_pmrnet.segmentation.segment import Segmentation, segment
from napari_pmrnet.segmentation.tiles import Blend

STRICT = 0.9
"""IoU at which labels of two devices are compared."""


def parts(
    model: Model, image: np.ndarray, found: Segmentation, rounds: int
) -> list[Row]:
    """Time each step from an image to labels on its own, once over the whole image.

    A run takes them more than once where looks estimate the diameter.

    Parameters
    ----------
    model : Model
    image : ndarray, shape (H, W)
    found : Segmentation
        Of the image: scale, diameter and settings.
    rounds : int
    """
    plane, card = Plane([image]), model.card
    seen, grid = grid_for(model, plane.shape, found.scale)
    boxes, names = grid.boxes(), model.map_names()
    tiles = grid.cut(plane.prepared(), boxes)
    answers = model.predict_tiles(tiles, size=seen)

    def blended() -> np.ndarray:
        blend = Blend(grid, len(names))
        blend.add(boxes, answers)
        return blend.result()

    maps = dict(zip(names, blended(), strict=True))
    flows = take_flows(maps)
    maps["certainty"] = certainty_map(maps, card.certainty)
    steps: dict[str, Callable[[], object]] = {
        "intensities": lambda: Plane([image]).prepared(),
        "cutting tiles": lambda: grid.cut(plane.prepared(), boxes),
        "network": lambda: model.predict_tiles(tiles, size=seen),
        "blending": blended,
        "certainty of pixels": lambda: on_device(
            model, certainty_map, maps, card.certainty
        ),
        "following flows, labels": lambda: on_device(
            model,
            label_nuclei,
            maps["probability"],
            flows,
            found.settings,
            found.diameter,
        ),
        "statistics of nuclei": lambda: on_device(
            model, describe_objects, found.labels, maps, flows, card.object_certainty
        ),
    }
    tile = f"tiles of {seen[0]} x {seen[1]}: {len(tiles)}"
    return [
        Row.of(what, turns, tile if what == "network" else "")
        for what, turns in take_turns(steps, rounds).items()
    ]


def against_cpu(name: str | Path, image: np.ndarray, found: Segmentation) -> list[Row]:
    """Compare the labels of a GPU with those of the CPU, and of the GPU's maps there.

    Parameters
    ----------
    name : str or Path
        Weights, as for `load_model`.
    image : ndarray, shape (H, W)
    found : Segmentation
        Of the image, by a model on a GPU.
    """
    cpu = load_model(name, "cpu")
    results: list[Segmentation] = []
    turn = timed(lambda: results.append(segment(image, found.settings, cpu)))
    ap, _ = average_precision(match(results[0].labels, found.labels, [STRICT]))
    same_maps = replace(found, model=cpu).relabel(found.settings)
    pixels = int((same_maps.labels != found.labels).sum())
    note = f"AP at IoU {STRICT} {ap:.4f}; of the same maps {pixels} pixels differ"
    if not pixels:
        moved = (same_maps.objects["certainty"] - found.objects["certainty"]).abs()
        note += f", certainties by {moved.max():.1g} at most"
    what = f"PMRNet, {cpu.backend.name}, a first run"
    return [Row.of(what, [turn], note, threads=torch.get_num_threads())]
