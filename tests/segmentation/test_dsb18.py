"""On real images: the grid must not show, and shipped labels must be good."""

import os
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet import load_model
from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models import available_models
from napari_pmrnet.segmentation.normalise import intensity_limits, sample_limits

FOLDER = os.environ.get("PMRNET_DSB18")

pytestmark = [
    pytest.mark.skipif(not FOLDER, reason="PMRNET_DSB18 names no folder"),
    pytest.mark.skipif("nuclei" not in available_models(), reason="no shipped weights"),
]


def test_ten_validation_images_are_segmented_well() -> None:
    from napari_pmrnet import segment

    dataset, model = PackedDataset(Path(FOLDER), subset="val"), load_model()
    matches = []
    for image_id in dataset.ids[::7]:
        image, truth = dataset.load(image_id)
        matches += match(truth, segment(image, model=model).labels, [0.5])
    pooled, per_image = average_precision(matches)
    assert pooled > 0.6 and per_image > 0.6


def test_validation_images_hold_no_debris_and_keep_their_limits() -> None:
    dataset = PackedDataset(Path(FOLDER), subset="val")
    for image_id in dataset.ids:
        image, _ = dataset.load(image_id)
        assert intensity_limits(image) == sample_limits(image), image_id


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.xfail(reason="0.950: docs/results.md")
def test_shifting_the_grid_keeps_the_labels() -> None:
    from lib.stability import mosaics, shifted_grid_precision

    dataset, model = PackedDataset(Path(FOLDER), subset="val"), load_model()
    images = mosaics(dataset, 2)
    pooled, per_image, _ = shifted_grid_precision(model, images, threshold=0.9)
    assert np.isfinite(per_image) and pooled >= 0.97
