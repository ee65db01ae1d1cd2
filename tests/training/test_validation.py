"""The score that chooses the epoch."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.network import PMRNetOutput
from napari_pmrnet.segmentation.diameter import typical_diameter, working_scale
from napari_pmrnet.training.validation import (
    LARGEST,
    _batches,
    validation_dice,
    validation_pair,
    whole_validation_pair,
)


def test_classes_decide_which_epoch_is_the_best(lesions: Path) -> None:
    image, labels = PackedDataset(lesions, subset="val").load("9")
    pair = whole_validation_pair(image, labels, 64)
    right = torch.as_tensor(pair[1])[None, None].float()

    def network(found: torch.Tensor) -> torch.nn.Module:
        logits = [
            20 * (found > 0) - 10.0,
            0 * found,
            *(20.0 * (found == k) for k in (1, 2)),
        ]

        class Fixed(torch.nn.Linear):
            def forward(self, _: torch.Tensor) -> PMRNetOutput:
                return PMRNetOutput(torch.cat(logits, dim=1))

        return Fixed(1, 1)

    channels = ("probability", "border", "class_1", "class_2")
    swapped = torch.where(right > 0, 3 - right, right)
    assert validation_dice(network(right), [pair], channels) == 1.0
    assert validation_dice(network(swapped), [pair], channels) == 0.0
    assert validation_dice(network(swapped), [pair], channels[:2]) == 1.0


def test_images_of_one_size_are_validated_together() -> None:
    truths = [np.zeros((8, 8), bool) for _ in range(5)]
    truths[1][2:5, 3:6] = truths[4][:2] = True
    sizes = (8, 16, 8, 8, 16)
    pairs = [
        (torch.full((3, size, size), float(index)), truth)
        for index, (size, truth) in enumerate(zip(sizes, truths, strict=True))
    ]
    batches = list(_batches(pairs, most=2))
    found = [images[:, 0, 0, 0].int().tolist() for images, _ in batches]
    assert found == [[0, 2], [1, 4], [3]]
    for numbers, (_, kept) in zip(found, batches, strict=True):
        assert all(k is truths[n] for k, n in zip(kept, numbers, strict=True))


@pytest.mark.parametrize(
    ("radius", "size"), [(6, LARGEST), (8, 320), (13, 256), (60, 64)]
)
def test_nuclei_are_validated_near_their_working_scale(radius: int, size: int) -> None:
    y, x = np.mgrid[:256, :256]
    labels = (np.hypot(y - 128, x - 128) < radius).astype(np.int32)
    image, mask = validation_pair(labels * 200, labels)
    scale = working_scale(typical_diameter(labels))
    assert image.shape == (3, size, size)
    assert size == min(32 * round(256 * scale / 32), LARGEST)
    assert mask.shape == (256, 256) and mask.sum() == (labels > 0).sum()
    share = float((image[0] > 0.5).float().mean())
    assert share == pytest.approx(mask.mean(), rel=0.15)


def test_a_picture_without_nuclei_is_validated_too() -> None:
    image, mask = validation_pair(
        np.arange(1024.0).reshape(32, 32), np.zeros((32, 32), int)
    )
    assert image.shape[1] % 32 == 0 and not mask.any()


def test_whole_images_keep_their_labels() -> None:
    labels = np.zeros((512, 256), np.uint8)
    labels[:256], labels[256:, 128:] = 1, 2
    image, truth = whole_validation_pair(labels * 100, labels, 96)
    assert image.shape == (3, 96, 96) and truth.shape == (256, 256)
    assert [int((truth == k).sum()) for k in (1, 2)] == [2**15, 2**14]
