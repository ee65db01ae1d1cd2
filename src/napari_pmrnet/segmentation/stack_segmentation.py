"""Labels of all planes of an image, with what they were made from."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_pmrnet.segmentation.numbering import StackNumbers
from napari_pmrnet.segmentation.segment import Segmentation
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from napari_pmrnet.models import Model


@dataclass(frozen=True, eq=False)
class StackSegmentation:
    """Labels of all planes of an image.

    Attributes
    ----------
    labels : array-like of int32, shape (..., H, W)
        With the axes of the image, channels and colours apart; in memory, or of the
        store that was given. No number stands for two nuclei; linked nuclei have the
        same number in several planes, and so have classes.
    maps : dict of ndarray
        float32, of the shape of `labels`; empty unless asked for. See `Segmentation`.
    objects : DataFrame
        One row for every nucleus of every plane; see `describe_objects`. Beside its
        columns one for each axis before y and x: the place of the plane.
    settings : Settings
    model : Model
    device : str
        The device that was really used.
    notes : tuple of str
        What the user should know, each once.
    seconds : float
        Time from image to labels.
    diameter : float or None
        Of a typical nucleus in pixels: the median over the planes.
    shown : tuple of ndarray, or None
        Pixels, labels from 1 and certainties of the plane with most nuclei.
    axes : tuple of str
        Names of the axes of `labels`.
    link : str or None
        Axis through which nuclei keep their number.
    planes : dict of Segmentation
        By place, that of every plane but blank ones, each with labels from 1, for other
        thresholds and for a review; empty where maps were not asked for.
    """

    labels: Any
    maps: dict[str, np.ndarray]
    objects: pd.DataFrame
    settings: Settings
    model: Model
    device: str
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    diameter: float | None = None
    shown: tuple[np.ndarray, np.ndarray, np.ndarray] | None = field(
        repr=False, default=None
    )
    axes: tuple[str, ...] = ()
    link: str | None = None
    planes: Mapping[tuple[int, ...], Segmentation] = field(
        repr=False, default_factory=dict
    )

    def relabel_steps(
        self, settings: Settings
    ) -> Generator[tuple[int, int], None, StackSegmentation]:
        """Label all planes for other thresholds; see `Segmentation.relabel`.

        Yields
        ------
        (int, int)
            Planes labelled so far and in all.

        Raises
        ------
        ValueError
            If the maps were not kept, or the settings ask for a new run.
        """
        if not self.planes:
            raise ValueError("the maps of the planes were not kept")
        numbers = StackNumbers(self.axes, self.link, self.model.card.label_kind)
        labels, rows = np.zeros(self.labels.shape, np.int32), []
        planes: dict[tuple[int, ...], Segmentation] = {}
        for place in np.ndindex(*labels.shape[:-2]):
            part = self.planes.get(place)
            if part is None:
                numbers.skip(place, labels.shape[-2:])
                continue
            part = part.relabel(settings)
            own = numbers.of(place, part.labels)
            labels[place] = own[part.labels]
            steps = dict(zip(self.axes[:-2], place, strict=True))
            label = own[part.objects["label"]]
            rows.append(part.objects.assign(label=label, **steps))
            planes[place] = part
            yield len(planes), len(self.planes)
        return replace(
            self,
            labels=labels,
            objects=pd.concat(rows, ignore_index=True),
            settings=settings,
            planes=planes,
        )


Labelled = Segmentation | StackSegmentation
"""Results that the viewer shows: labels of one plane, or of all."""
