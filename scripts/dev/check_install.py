"""Checks an installation: README's main job and every subcommand, on a small image.

Works with what is installed beside the Python that runs it, in a temporary folder; what
needs an extra that is not there is named and left out. Ends with status 1 at the first
thing that fails. The window of the main job needs a screen (scripts/on-screen).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile
from PIL import Image

from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
from napari_pmrnet.io.images import read_image

DEMO = Path(__file__).parents[1] / "demo.py"
SIDE, PIXEL_SIZE = 192, 0.325
SHOWN = ("napari", "numpy", "tifffile", "imagecodecs", "torch", "typer")
FEW = {"epochs": 1, "finish_epochs": 0, "batch_size": 2, "crop_size": 64}
FAR = 0.3
"""By how much of the true number the number of nuclei may be off."""


def main() -> None:
    """Check what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--no-window", action="store_true", help="leave out the job in napari's window"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out the window, training, fine-tuning and the benchmark",
    )
    arguments = parser.parse_args()
    shown = ", ".join(f"{name} {version(name)}" for name in SHOWN)
    print(f"Python {platform.python_version()}, {shown}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        check = Check(Path(name))
        if arguments.no_window or arguments.quick:
            left_out("README's main job", "no window is wanted")
        else:
            check.main_job()
        check.segment()
        check.data()
        if arguments.quick:
            left_out("what trains, or times", "it takes minutes")
        else:
            check.train_and_evaluate()
            check.finetune()
            check.models()
            check.command("benchmark", "--rounds", 1, "--device", "cpu")
    print("All of it works.")


class Check:
    """The parts of the check, with files in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.labels = folder / "labels"
        self.images.mkdir()
        self.labels.mkdir()
        self.trained = folder / "trained.safetensors"
        self.tuned = folder / "tuned.safetensors"
        # Models and converted networks of the user stay as they are.
        homes = ("XDG_DATA_HOME", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA")
        own = {name: str(folder / "home") for name in homes}
        kept = {"NAPARI_CONFIG": str(folder / "napari.yaml")}
        self.environment = {**os.environ, **own, **kept}

    def main_job(self) -> None:
        """Segment a sample in a window; labels and a picture of it are left."""
        output = self.folder / "demo"
        said = self.python(str(DEMO), "--close", "--output", output)
        (labels,) = output.glob("*.tif")
        expect(tifffile.imread(labels).max() > 50, f"{labels} has nuclei")
        expect(any(output.glob("*.png")), "there is a picture of the window")
        print(said)

    def segment(self) -> None:
        """Images of every kind that is read give the nuclei that are in them."""
        grey, truth = make_fluorescence((SIDE, SIDE), seed=1)
        colour, _ = make_stained((SIDE, SIDE), seed=2)
        place = self.folder / "inputs"
        place.mkdir()
        resolution = {
            "resolution": (1 / PIXEL_SIZE, 1 / PIXEL_SIZE),
            "metadata": {"unit": "um", "axes": "YX"},
        }
        tifffile.imwrite(place / "plain.tif", grey, imagej=True, **resolution)
        tifffile.imwrite(place / "lzw.tif", grey, compression="lzw")
        Image.fromarray(colour).save(place / "stained.png")
        Image.fromarray(grey).save(place / "photo.jpg", quality=95)
        names = ["lzw", "photo", "plain", "stained"]
        if find_spec("zarr"):
            write_ome_zarr(place / "plate.zarr", grey)
            names.append("plate")
        else:
            left_out("OME-Zarr", "zarr is not installed")
        output = self.folder / "segmented"
        self.command("segment", place, "--output", output, "--device", "cpu")
        rows = pd.read_csv(output / "summary.csv")
        expect(len(rows) == len(names), f"a row of each of {names}:\n{rows}")
        for name in ("lzw", "plain", "photo"):
            found = tifffile.imread(output / f"{name}_labels.tif")
            expect(found.shape == truth.shape, f"labels of {name} have its shape")
            off = abs(int(found.max()) - int(truth.max()))
            expect(off <= FAR * truth.max(), f"the nuclei of {name} are found")
        (again,) = read_image(output / "plain_labels.tif")
        expect(again.data.shape == truth.shape, "our own labels are opened again")

    def train_and_evaluate(self) -> None:
        """Train for an epoch on three images and score what came of it."""
        rows = []
        for seed, subset in enumerate(("train", "train", "val", "test")):
            image, labels = make_fluorescence((SIDE, SIDE), seed=seed)
            Image.fromarray(image).save(self.images / f"{seed}.png")
            name = self.labels / f"{seed}.tif"
            tifffile.imwrite(name, labels.astype(np.uint16))
            rows.append({"image_id": seed, "split": subset, "modality": "a"})
        pd.DataFrame(rows).to_csv(self.folder / "split.csv", index=False)
        config = self.folder / "config.json"
        config.write_text(json.dumps(FEW), "utf-8")
        data = ("--data", self.folder, "--device", "cpu")
        self.command("train", *data, "--output", self.trained, "--config", config)
        expect(self.trained.exists(), "weights were trained")
        self.command("evaluate", *data)
        if find_spec("matplotlib"):
            report = self.folder / "report"
            self.command("evaluate", *data, "--output", report, "--model", self.trained)
            expect((report / "report.md").exists(), "a report was written")
        else:
            left_out("the report of evaluate", "matplotlib is not installed")

    def finetune(self) -> None:
        """Go on with the shipped weights on two images and their labels."""
        images = [self.images / f"{seed}.png" for seed in (0, 1)]
        said = self.command(
            *("finetune", *images, "--labels", self.labels, "--output", self.tuned),
            *("--minutes", 0.05, "--device", "cpu"),
        )
        expect(self.tuned.exists(), f"weights were tuned: {said}")

    def models(self) -> None:
        """The library of models takes one in, gives it out and lets it go."""
        expect("nuclei" in self.command("models", "list"), "the shipped weights")
        self.command("models", "import", self.tuned, "--name", "check-install")
        self.command("models", "rename", "check-install", "check-installed")
        self.command("models", "show", "check-installed")
        endings = [".zip"]
        if find_spec("onnx") and find_spec("bioimageio"):
            endings += [".onnx", ".bioimageio.zip"]
        else:
            left_out("export to ONNX", "onnx or bioimageio.spec is not installed")
        for ending in endings:
            file = self.folder / f"exported{ending}"
            self.command("models", "export", "check-installed", file)
            expect(file.exists(), f"{file} was exported")
        self.command("models", "delete", "check-installed", "--yes")

    def data(self) -> None:
        """A published data set, in its layout, is looked through."""
        image, labels = make_fluorescence((SIDE, SIDE), n=6, seed=3)
        case = self.folder / "dsb" / "stage1_train" / "case"
        for kind in ("images", "masks"):
            (case / kind).mkdir(parents=True)
        Image.fromarray(image).convert("RGB").save(case / "images" / "case.png")
        for label in range(1, labels.max() + 1):
            mask = Image.fromarray(np.where(labels == label, 255, 0).astype(np.uint8))
            mask.save(case / "masks" / f"{label}.png")
        expect("dsb18" in self.command("data", "list"), "its data set is listed")
        said = self.command("data", "check", "dsb18", self.folder / "dsb")
        expect("images: 1" in said, f"its image is counted: {said}")

    def command(self, *arguments: object) -> str:
        """Standard output of ``napari-pmrnet`` with these arguments."""
        code = "from napari_pmrnet.cli.app import main; main()"
        return self.python("-c", code, *arguments)

    def python(self, *arguments: object) -> str:
        """Standard output of this Python with these arguments, which must not fail."""
        words = [str(argument) for argument in arguments]
        shown = " ".join(w for w in words if w != "-c" and not w.startswith("from "))
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print(done.stdout, done.stderr, sep="\n")
            raise SystemExit(f"failed ({done.returncode}): {shown}")
        print(f"{time.monotonic() - started:5.0f} s  {shown}", flush=True)
        return done.stdout


def write_ome_zarr(path: Path, image: np.ndarray) -> None:
    """An image as OME-Zarr 0.4 with its pixel size."""
    import zarr

    group: Any = zarr.open_group(path, mode="w", zarr_format=2)
    pixels = group.create_array(
        "0", shape=image.shape, chunks=(64, 64), dtype=image.dtype
    )
    pixels[:] = image
    space = [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    scale = [{"type": "scale", "scale": [PIXEL_SIZE, PIXEL_SIZE]}]
    level = {"path": "0", "coordinateTransformations": scale}
    group.attrs["multiscales"] = [
        {"version": "0.4", "axes": space, "datasets": [level]}
    ]


def expect(true: Any, what: str) -> None:
    """End with status 1 unless something is so."""
    if not true:
        raise SystemExit(f"not so: {what}")


def left_out(what: str, why: str) -> None:
    """Name what was not checked."""
    print(f"left out  {what}: {why}", flush=True)


if __name__ == "__main__":
    main()
