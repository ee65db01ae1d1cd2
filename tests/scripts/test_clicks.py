"""Clicks at missed nuclei: which there are, what is measured, how weights fit."""

import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import tifffile
from lib.clicks import HAND, SPECK, Trial, fitted, missed_nuclei, trial
from PIL import Image
from scipy import ndimage

from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.proofreading.evidence import FEATURES
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.proofreading.review import Review

SCRIPTS = Path(__file__).parents[2] / "scripts" / "experiments"


def discs() -> np.ndarray:
    """Three discs and a speck."""
    ys, xs = np.mgrid[:70, :120]
    truth = np.zeros((70, 120), np.int32)
    for number, x in enumerate((20, 55, 90), start=1):
        truth[np.hypot(ys - 35, xs - x) < 9] = number
    truth[2:5, 2:5] = 4
    return truth


def test_nuclei_without_a_label_are_clicked_beside_their_centroid() -> None:
    truth = discs()
    labels = np.where(truth == 1, 7, 0).astype(np.int32)
    labels[(truth == 2) & (np.arange(120) > 58)] = 8
    missed = list(missed_nuclei(truth, labels))
    assert [one.number for one in missed] == [3], "2 is labelled in part, 4 a speck"
    one = missed[0]
    assert one.area == (truth == 3).sum() > SPECK
    assert np.hypot(one.click[0] - 35, one.click[1] - 90) == pytest.approx(HAND)
    assert one.across == pytest.approx(18, rel=0.4)
    assert one == next(missed_nuclei(truth, labels)), "the same hand again"


def test_a_click_and_a_drag_are_measured() -> None:
    truth = discs()
    labels = np.where(truth == 1, 1, 0).astype(np.int32)
    image = ndimage.gaussian_filter((truth > 0) * 100.0, 1)
    review = Review(Nuclei(labels, labels.copy(), image=image))
    one = list(missed_nuclei(truth, labels))[0]
    for dragged in (False, True):
        found = trial(review, truth, one, dragged)
        assert found.features.shape == (len(found.names), len(FEATURES))
        assert found.iou.max() > 0.9 and found.reached > 0.8
    labels[truth > 0] = 1
    review.follow()
    refused = trial(review, truth, one)
    assert refused.names == () and refused.reached == 0


def test_weights_find_what_tells_right_from_wrong() -> None:
    rng = np.random.default_rng(0)
    trials = []
    for _ in range(200):
        features = rng.normal(size=(6, 3))
        iou = np.where(features[:, 1] - features[:, 2] > 0.5, 0.9, 0.1)
        trials.append(Trial(tuple("abcdef"), features, iou, 0.0))
    nothing = Trial((), np.zeros((0, 0)), np.zeros(0), 0.0)
    weights = fitted([*trials, nothing], ("a", "b", "c"), 0.01)
    assert weights["b"] > 0.5 > 0.2 > abs(weights["a"]) and weights["c"] < -0.5


def test_the_script_prints_shares_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    image, truth = make_fluorescence((128, 128), n=4, seed=1)
    blank = np.argwhere(ndimage.distance_transform_edt(truth == 0) > 12)
    y, x = blank[len(blank) // 2]
    ys, xs = np.mgrid[:128, :128]
    for name, at in (("a", 9), ("b", 5)):
        marked = np.where(np.hypot(ys - y, xs - x) < at, 40, truth)
        for folder in ("images", "labels"):
            (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "images" / f"{name}.png")
        tifffile.imwrite(tmp_path / f"labels/{name}.tif", marked.astype(np.uint16))
    (tmp_path / "split.csv").write_text("image_id,split\na,val\nb,val\n")
    script = SCRIPTS / "click_to_add.py"
    words = [str(script), "--data", str(tmp_path), "--device", "cpu", "--fit"]
    monkeypatch.setattr(sys, "argv", words)
    run_path(str(script), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines[:4]] == [
        *("one click", "a drag over it", "one click, by the image alone"),
        "the best outline of a click",
    ]
    assert "from 0 px" in lines[0] and "of 2" in lines[0]
    assert len(lines) == 5 + len(FEATURES)
