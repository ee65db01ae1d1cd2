"""Labels of a stack are made anew from its maps, without the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_stacks import blobs, segmented, thresholded

from napari_pmrnet.segmentation import Segmentation, Settings, segment_stack
from napari_pmrnet.segmentation.predict import run_to_end


@pytest.fixture(autouse=True)
def core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_stack, "segment_steps", thresholded)


@pytest.mark.parametrize("link", [None, "t"])
def test_planes_are_labelled_anew_for_other_thresholds(
    monkeypatch: pytest.MonkeyPatch, link: str | None
) -> None:
    def of_area(part: Segmentation, settings: Settings) -> Segmentation:
        keep = part.objects["label"] <= settings.min_area
        labels = np.where(part.labels <= settings.min_area, part.labels, 0)
        objects = part.objects[keep].reset_index(drop=True)
        return replace(part, labels=labels, objects=objects, settings=settings)

    monkeypatch.setattr(Segmentation, "relabel", of_area)
    series = np.stack([blobs(2), blobs(0), blobs(3)])
    found = segmented(series, "tyx", link=link, maps=True)
    assert list(found.planes) == [(0,), (2,)] and found.link == link
    assert found.planes[2,].maps["certainty"].base is found.maps["certainty"]
    every = run_to_end(found.relabel_steps(replace(found.settings, min_area=9)))
    assert (every.labels == found.labels).all()
    assert every.objects.equals(found.objects)
    fewer = run_to_end(found.relabel_steps(replace(found.settings, min_area=1)))
    expected = [1, 1] if link else [1, 2]
    assert fewer.objects["label"].tolist() == expected
    assert fewer.labels.max(axis=(1, 2)).tolist() == [expected[0], 0, expected[1]]
    with pytest.raises(ValueError, match="not kept"):
        run_to_end(segmented(series, "tyx").relabel_steps(found.settings))
