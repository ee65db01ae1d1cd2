"""Labels from the command line are those of segment(), and faults are named."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from terminal import run

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.io.images import read_image
from napari_pmrnet.models.backends.choose import has_openvino


def test_segment_writes_the_labels_of_segment(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    tifffile.imwrite(
        tmp_path / "cells.tif",
        image,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"unit": "um"},
    )
    options = ("--model", weights, "--device", "cpu", "--min-area", 3)
    options += ("--seed-threshold", 0.05)
    said = run("segment", tmp_path / "cells.tif", "--output", tmp_path / "o", *options)
    (labels,) = read_image(tmp_path / "o" / "cells_labels.tif")
    settings = Settings(
        model=str(weights), device="cpu", min_area=3, seed_threshold=0.05
    )
    expected = segment(image, settings)
    np.testing.assert_array_equal(labels.data, expected.labels)
    assert labels.is_labels and labels.space.scale == (0.5, 0.5)
    made = labels.metadata["napari_pmrnet"]
    assert made["settings"] == settings.as_dict()
    assert made["weights_hash"] == load_model(weights, "cpu").card.sha256
    assert f"{len(expected.objects)} nuclei" in said


def test_pixels_that_are_no_numbers_are_background_and_are_told(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    pixels = image.astype(np.float32)
    pixels[:30, :40], pixels[60, 60] = np.nan, -np.inf
    tifffile.imwrite(tmp_path / "n.tif", pixels)
    options = ("--model", weights, "--min-area", 1, "--seed-threshold", 0.05)
    run("segment", tmp_path / "n.tif", "--output", tmp_path / "o", *options)
    (labels,) = read_image(tmp_path / "o" / "n_labels.tif")
    assert not labels.data[~np.isfinite(pixels)].any()
    told = pd.read_csv(tmp_path / "o" / "summary.csv").note[0]
    assert "pixels that are NaN, infinite or masked count as background" in told


def test_a_faulty_file_is_named_and_the_others_go_on(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    Image.fromarray(image).save(tmp_path / "good.png")
    (tmp_path / "junk.png").write_bytes(b"\x89PNG nothing")
    said = run(
        "segment",
        tmp_path / "junk.png",
        tmp_path / "good.png",
        *("--output", tmp_path / "o", "--model", weights),
        code=1,
    )
    assert "junk.png" in said and "1 could not be segmented" in said
    assert [p.name for p in (tmp_path / "o").glob("*.tif")] == ["good_labels.tif"]


def test_a_scene_is_chosen_by_its_name(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    with tifffile.TiffWriter(tmp_path / "s.ome.tif", ome=True) as tiff:
        for name in ("left", "right"):
            tiff.write(image, metadata={"axes": "YX", "Name": name})
    options = ("--output", tmp_path / "o", "--model", weights, "--scene")
    said = run("segment", tmp_path / "s.ome.tif", *options, "right")
    assert "s.ome.tif [right]: " in said and "scene='right'" in said
    said = run("segment", tmp_path / "s.ome.tif", *options, "up", code=1)
    assert "has no scene 'up'. It holds left, right" in said
    assert [p.name for p in (tmp_path / "o").glob("*.tif")] == ["s_right_labels.tif"]


@pytest.mark.parametrize(
    "option", [("--probability-threshold", "2"), ("--min-area", "-1"), ("--nonsense",)]
)
def test_wrong_options_are_refused(option: tuple[str, ...], tmp_path: Path) -> None:
    run("segment", "a.png", "--output", tmp_path, *option, code=2)


def test_limits_reach_the_labels_and_the_channel_of_nuclei_is_told(
    image: np.ndarray, weights: Path, tmp_path: Path
) -> None:
    path, out = tmp_path / "c.ome.tif", tmp_path / "out"
    about = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}}
    tifffile.imwrite(path, np.stack([image // 2, image]), metadata=about)
    run("segment", path, "--output", out, "--model", weights, "--limits", "10:200")
    settings = Settings(model=str(weights), limits="10:200")
    (labels,) = read_image(out / "c_labels.tif")
    expected = segment(image, settings, load_model(weights))
    np.testing.assert_array_equal(labels.data, expected.labels)
    assert labels.metadata["napari_pmrnet"]["settings"]["limits"] == "10:200"
    note = pd.read_csv(out / "summary.csv")["note"][0]
    assert "channel 1 was chosen because its name is 'DAPI'" in note
    said = run("segment", path, "--output", out, "--limits", "200:10", code=2)
    assert "120:4000" in said


WITHOUT_TORCH = """
import sys
from pathlib import Path
import platformdirs
cache, weights, folder = map(Path, sys.argv[1:])
platformdirs.user_cache_path = lambda *_, **__: cache

from napari_pmrnet.cli.app import main
sys.argv[1:] = ["segment", str(folder), "--output", str(folder / "labels")]
sys.argv += ["--model", str(weights), "--device", "cpu"]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
assert "torch" not in sys.modules, "the command imported torch"

from napari_pmrnet import Settings, segment
from napari_pmrnet.io.images import read_image
settings = Settings(model=str(weights), device="cpu", flips=True)
found = segment(read_image(folder / "a.png")[0].data, settings)
assert found.device.startswith("cpu with OpenVINO"), found.device
assert "torch" not in sys.modules, "segment() imported torch"
"""


@pytest.mark.skipif(not has_openvino(), reason="the extra openvino is not installed")
def test_torch_is_not_imported_where_openvino_has_kept_a_conversion(
    image: np.ndarray, weights: Path, cache: Path, tmp_path: Path
) -> None:
    assert "OpenVINO" in load_model(weights, "cpu").runs_on  # converted and kept
    for name in ("a.png", "b.png"):
        Image.fromarray(image).save(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(cache), str(weights), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "labels").glob("*.tif"))) == 2
