"""CVC-ClinicDB with its space and its mirrors; Kvasir-SEG with its grey masks."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_pmrnet.research.check import check
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.polyps import CVCClinicDB, KvasirSEG


@pytest.mark.parametrize("which", ["cvc", "cvc mirror"])
def test_clinic_pairs_by_number(which, tree, draw):
    reader = CVCClinicDB(tree(which))
    assert [i.image_id for i in reader.items] == [str(n) for n in range(1, 76)]
    image, labels = reader.load(reader.items[9])
    np.testing.assert_array_equal(image, draw.picture("cvc10"))
    np.testing.assert_array_equal(labels, draw.mask(white=1))


def test_frames_of_one_block_stay_together(tree):
    groups = {i.image_id: i.group for i in CVCClinicDB(tree("cvc")).items}
    assert groups["1"] == groups["25"] != groups["26"] == groups["50"]


def test_videos_of_a_mirror_are_used(tree):
    folder = tree("cvc mirror")
    lines = [f"{n},{'a' if n <= 40 else 'b'}" for n in range(1, 71)]
    (folder / "metadata.csv").write_text("\n".join(["frame_id,sequence_id", *lines]))
    groups = {i.image_id: i.group for i in CVCClinicDB(folder).items}
    assert groups["1"] == groups["40"] == "video a"
    assert groups["41"] == "video b" and groups["75"] == "block 2"


def test_files_of_both_formats_are_named_once(tree, draw):
    folder = tree("cvc")
    draw.write(folder / "Original" / "3.png", draw.picture("other"))
    (folder / "Ground Truth" / "5.tif").unlink()
    (folder / "Original" / "7.tif").unlink()
    reader = CVCClinicDB(folder)
    twice, without, alone = reader.problems
    assert "3.tif: there is 3.png too" in twice
    assert "5.tif: image without a mask" in without
    assert "7.tif: mask without an image" in alone
    assert len(reader.items) == 73


def test_kvasir_masks_are_cut_at_half_of_full_scale(tree, draw):
    folder = tree("kvasir")
    blurred = np.zeros(draw.shape, np.uint8)
    blurred[2:10] = np.linspace(0, 255, 24).astype(np.uint8)
    draw.write(folder / "masks" / "cju0.jpg", draw.rgb(blurred))
    with Image.open(folder / "masks" / "cju0.jpg") as stored:
        values = np.array(stored)[..., 0]
    assert len(np.unique(values)) > 12
    reader = KvasirSEG(folder)
    _, labels = reader.load(reader.items[0])
    np.testing.assert_array_equal(labels, values > 127)
    assert labels.sum() not in (np.sum(values == 255), np.sum(values != 0))


def test_kvasir_split_is_eight_to_one_to_one(tree):
    counts = split_table(KvasirSEG(tree("kvasir")))["split"].value_counts()
    assert dict(counts) == {"train": 8, "val": 1, "test": 1}


def test_what_looks_wrong_with_masks(tree, draw):
    folder = tree("kvasir")
    draw.write(folder / "masks" / "cju0.jpg", draw.rgb(draw.mask(white=90)))
    draw.write(folder / "masks" / "cju1.jpg", draw.rgb(np.full(draw.shape, 255, "u1")))
    draw.write(folder / "masks" / "cju2.jpg", draw.rgb(draw.mask((9, 9), at=0)))
    found = check(KvasirSEG(folder))
    dim, full, other = found.problems
    assert "cju0.jpg: empty mask" in dim and "greatest value is 9" in dim
    assert "cju1.jpg: marks nearly all" in full
    assert "cju2.jpg: has 9 x 9 pixels" in other and "its image 20 x 24" in other
    assert found.listed == 10 and len(found.images) == 9
    assert found.by_subset().loc["all", "with objects"] == 8
