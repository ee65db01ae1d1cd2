"""Each optional library gone or broken: the one command that mends it, no more harm."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

CHECKOUT = Path(__file__).parents[1]
CHILD = Path(__file__).parent / "lib" / "without_library.py"
LIBRARIES = {
    "cluster": ["distributed"],
    "export": ["onnx", "bioimageio"],
    "openvino": ["openvino"],
    "research": ["matplotlib", "monai"],
    "zarr": ["zarr", "numcodecs", "yaozarrs"],
}
"""What is imported of each extra; thop is of scripts alone."""
EXTRA_OF = {library: extra for extra, some in LIBRARIES.items() for library in some}
NEEDED = [library for library in EXTRA_OF if library != "openvino"]
"""OpenVINO is not needed for anything: PyTorch runs in its place."""


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> dict:
    """A command that needs each library."""
    place = tmp_path_factory.mktemp("extras")
    image = np.random.default_rng(0).integers(0, 255, (48, 64)).astype(np.uint8)
    write_zarr(place / "a.zarr", image)
    for part in ("images", "labels"):
        (place / part).mkdir()
    subsets = {"x": "test", "t": "train", "v": "val"}
    for name in subsets:
        Image.fromarray(image).save(place / "images" / f"{name}.png")
        labels = (image > 200).astype(np.uint16)
        tifffile.imwrite(place / "labels" / f"{name}.tif", labels)
    table = pd.DataFrame({"image_id": subsets.keys(), "split": subsets.values()})
    table.assign(modality="f").to_csv(place / "split.csv", index=False)
    usual = usual_command(place, weights)
    segment = ["segment", str(place / "a.zarr"), "--model", str(weights)]
    several = ["segment", str(place / "images"), "--workers", "2"]
    export = ["models", "export", str(weights)]
    data = ["--data", str(place), "--device", "cpu"]
    return {
        # First, for once it was loaded it stays so.
        "openvino": usual,
        "zarr": [*segment, "--output", str(place / "of zarr")],
        "numcodecs": [*segment, "--output", str(place / "of numcodecs")],
        "yaozarrs": [*segment, "--output", str(place / "of yaozarrs")],
        "distributed": [*several, "--output", str(place / "of distributed")],
        "onnx": [*export, str(place / "a.onnx")],
        "bioimageio": [*export, str(place / "a.bioimageio.zip")],
        "matplotlib": ["evaluate", *data, "--output", str(place / "report")],
        "monai": ["train", *data, "--model", "unetplusplus"]
        + ["--output", str(place / "a.ckpt")],
    }


def write_zarr(path: Path, image: np.ndarray) -> None:
    import zarr

    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("0", shape=image.shape, dtype=image.dtype)[:] = image
    axes = [{"name": name, "type": "space"} for name in "yx"]
    scale = {"type": "scale", "scale": [1, 1]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [level]}]


def usual_command(place: Path, weights: Path) -> list[str]:
    """What must go on working."""
    image, output = place / "images" / "x.png", place / "usual"
    words = ["segment", image, "--output", output, "--model", weights, "--overwrite"]
    return [*map(str, words), "--device", "cpu"]


@pytest.fixture(scope="module")
def said(request, commands, weights, tmp_path_factory) -> dict[str, dict[str, str]]:
    """What the command line and a dock say of each library."""
    place = tmp_path_factory.mktemp("child")
    words = map(json.dumps, (commands, commands["openvino"]))
    done = subprocess.run(
        [sys.executable, CHILD, request.param, place, *words],
        env={**os.environ, "COLUMNS": "1000", "XDG_CACHE_HOME": str(place)},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_extra_is_tried() -> None:
    """Apart from those that bring others together, or are for developing.

    What only a dock uses is tried there: plots in plugin/measure/test_plot_panel.py.
    What the environment of development does not have is tried with files that stand in
    for it: formats in io/test_microscope.py.
    """
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    elsewhere = {"plots", "formats"}
    extras = project["optional-dependencies"].keys() - {"all", "test", "dev"}
    assert extras - elsewhere == LIBRARIES.keys() and elsewhere < extras


def remedy(text: str) -> str:
    """The one command that a text names."""
    (found,) = set(re.findall(r"pip install .*", text))
    return found


WAYS = ["gone", "ImportError", "RuntimeError", "SyntaxError"]


@pytest.mark.parametrize("said", WAYS, indirect=True)
@pytest.mark.parametrize("library", NEEDED)
def test_the_command_that_mends_it_is_named(said, library, request) -> None:
    """On the command line and in a dock, with exit status 1 and no traceback."""
    way = request.node.callspec.params["said"]
    name = {"bioimageio": "bioimageio.spec"}.get(library, library)
    texts = [said[library]["command"], said[library]["dock"]]
    assert texts[0].startswith("1 ") and "Traceback" not in texts[0]
    if library in LIBRARIES["zarr"]:  # a batch tells it of the file, in its table
        texts.pop()
    for text in texts:
        if way == "gone":
            assert remedy(text) == f'pip install "napari-pmrnet[{EXTRA_OF[library]}]"'
        else:
            wanted = rf'pip install --force-reinstall "?{re.escape(name)}\b'
            assert re.match(wanted, remedy(text)), text
            assert f"{name} {version(name)} does not load" in text


@pytest.mark.parametrize("said", WAYS, indirect=True)
@pytest.mark.parametrize("library", EXTRA_OF)
def test_nothing_else_stops_working(said, library, request) -> None:
    usual = said[library]["usual"]
    assert usual.startswith("0 ") and "1 files: 1 segmented" in usual, usual
    if library == "openvino" and request.node.callspec.params["said"] != "gone":
        assert re.match('pip install --force-reinstall "?openvino', remedy(usual))
        assert "PyTorch runs instead" in usual
    else:
        assert "pip install" not in usual
