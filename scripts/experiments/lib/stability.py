"""Effect of the place of the grid of tiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from napari_pmrnet.datasets.base import OpenedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models.model import Model
from napari_pmrnet.segmentation import Settings
from napari_pmrnet.segmentation.flow_labels import label_nuclei
from napari_pmrnet.segmentation.plane import prepare
from napari_pmrnet.segmentation.predict import predict, run_to_end, take_flows
from napari_pmrnet.segmentation.scale import choose_scale
from napari_pmrnet.segmentation.tiles import longest_side


def labels_with_shift(
    model: Model,
    planes: np.ndarray,
    shift: int,
    settings: Settings,
    scale: float = 1.0,
    diameter: float | None = None,
) -> np.ndarray:
    """Labels with the grid moved up and left by `shift` pixels.

    The image is continued by reflection on those sides and cut out of the result.
    ``scale`` and ``diameter`` are what `choose_scale` gives.

    Parameters
    ----------
    model : Model
    planes : ndarray of float32, shape (3, H, W)
    shift : int
        Pixels.
    settings : Settings

    Returns
    -------
    ndarray of int32, shape (H, W)
    """
    padded = np.pad(planes, ((0, 0), (shift, 0), (shift, 0)), mode="reflect")
    maps = run_to_end(predict(model, padded, scale=scale)).maps
    maps = {name: values[shift:, shift:] for name, values in maps.items()}
    return label_nuclei(maps["probability"], take_flows(maps), settings, diameter)


def mosaics(dataset: OpenedDataset, side: int) -> Iterator[tuple[str, np.ndarray]]:
    """Images of a data set put together, `side` x `side` of one shape and modality.

    Those that are left over are left out.

    Yields
    ------
    str, ndarray
        Identifier of the first image, and pixels.
    """
    waiting: dict[tuple, list[tuple[str, np.ndarray]]] = {}
    for image_id, image, _ in dataset:
        kind = (image.shape, image.dtype, dataset.table.loc[image_id].get("modality"))
        group = waiting.setdefault(kind, [])
        group.append((image_id, image))
        if len(group) == side**2:
            pixels = [one for _, one in group]
            rows = [
                np.concatenate(pixels[at : at + side], axis=1)
                for at in range(0, side**2, side)
            ]
            yield group[0][0], np.concatenate(rows)
            group.clear()


def shifted_grid_precision(
    model: Model, images: Iterable[tuple[str, np.ndarray]], threshold: float = 0.9
) -> tuple[float, float, int]:
    """AP between the labels of the usual grid and of one moved by half a tile.

    Only images larger than one tile in both directions count, as the network sees
    them: smaller ones have no grid.

    Parameters
    ----------
    model : Model
    images : iterable of (str, ndarray)
        Names and pixels.
    threshold : float
        IoU threshold.

    Returns
    -------
    pooled, per_image : float
        Over all nuclei, and mean of the images; nan without images.
    count : int
        Of the images that have a grid.
    """
    settings, matches = Settings.for_card(model.card), []
    for name, image in images:
        planes = prepare(image, name=name)
        scale, diameter, _ = run_to_end(choose_scale(model, planes, None))
        if min(image.shape[:2]) * scale <= longest_side(model.tile):
            continue
        shift = round(model.tile / 2 / scale)
        usual, moved = (
            labels_with_shift(model, planes, by, settings, scale, diameter)
            for by in (0, shift)
        )
        matches += match(usual, moved, [threshold])
    if not matches:
        return float("nan"), float("nan"), 0
    return *average_precision(matches), len(matches)
