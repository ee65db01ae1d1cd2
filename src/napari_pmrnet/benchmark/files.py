"""Images in files: a folder of them in a batch, and one on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import tifffile

from napari_pmrnet.batch.run import segment_files
from napari_pmrnet.benchmark.clock import Row, Turn, take_turns
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models.model import Model
from napari_pmrnet.settings import Settings

COUNT, SIDE, SMALL = 8, 512, 256
COMMAND = "from napari_pmrnet.cli.app import main; main()"


def folder_of_images(model: Model, rounds: int) -> Row:
    """Time a batch of images, the diameter of each unknown, by the megapixel.

    Parameters
    ----------
    model : Model
    rounds : int
    """
    settings = Settings.for_card(model.card)
    with TemporaryDirectory() as name:
        images, labels = Path(name, "images"), Path(name, "labels")
        _write_images(images, COUNT, SIDE)
        turns = take_turns(
            {
                "": lambda: segment_files(
                    images, labels, settings, overwrite=True, model=model
                )
            },
            rounds,
        )[""]
    megapixels = COUNT * SIDE**2 / 1e6
    by_megapixel = [Turn(t.wall / megapixels, t.cpu / megapixels) for t in turns]
    return Row.of(
        f"{COUNT} files of {SIDE} x {SIDE} in a batch, a megapixel", by_megapixel
    )


def command_line(name: str | Path, device: str, rounds: int) -> Row:
    """Time the command from its start to the file, for one image.

    Parameters
    ----------
    name, device
        As for `load_model`.
    rounds : int
    """
    with TemporaryDirectory() as folder:
        images = Path(folder, "images")
        _write_images(images, 1, SMALL)
        command = [sys.executable, "-c", COMMAND, "segment", str(images), "--overwrite"]
        command += ["--output", str(Path(folder, "labels")), "--model", str(name)]
        command += ["--device", device]

        def run() -> None:
            subprocess.run(command, check=True, capture_output=True)

        turns = take_turns({"": run}, rounds)[""]
    return Row.of(f"the command, one image of {SMALL} x {SMALL}, start to file", turns)


def _write_images(folder: Path, count: int, side: int) -> None:
    """A folder of generated images."""
    folder.mkdir()
    for seed in range(count):
        image, _ = make_fluorescence((side, side), seed=seed)
        tifffile.imwrite(folder / f"{seed}.tif", image)
