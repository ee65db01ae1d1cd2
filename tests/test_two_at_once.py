"""Two processes that write to one path: one of the two is there, never a mix."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from crashes import at_once, forks

from napari_pmrnet.evaluation.report import FILES, write_report
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.map_stack import write_stack
from napari_pmrnet.io.permit import Overwrite, hash_of
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.rois import write_geojson, write_rois
from napari_pmrnet.models.card import new_card, read_verified
from napari_pmrnet.models.weights import save_model
from napari_pmrnet.proofreading.measure import measure, write_table
from napari_pmrnet.segmentation.label_store import LabelStore

Writer = Callable[[Path, int, Overwrite], object]
SIDE = 300


def labels_of(number: int) -> np.ndarray:
    """Labels that tell who wrote them in every pixel, large enough to take a while."""
    labels = np.full((SIDE, SIDE), number, np.int32)
    labels[SIDE // 2] = 0
    return labels


def store(path: Path, number: int, overwrite: Overwrite) -> None:
    with LabelStore(path, overwrite=overwrite) as labels:
        within = labels.create((SIDE, SIDE), Provenance())
        within[:, :] = labels_of(number)
        labels.finish(pd.DataFrame({"label": [number], "certainty": [0.5]}))


def save(path: Path, number: int, overwrite: Overwrite) -> None:
    import torch

    card = new_card(["probability"], window=64, data={"name": f"{number}"})
    state = {"a": torch.full((99_999,), float(number))}
    save_model(path, state, card, overwrite=bool(overwrite))


WRITERS: dict[str, Writer] = {
    "a.tif": lambda path, n, yes: write_labels(path, labels_of(n), overwrite=yes),
    "stack.tif": lambda path, n, yes: write_stack(
        path, {"a": labels_of(n)}, overwrite=yes
    ),
    "rois.zip": lambda path, n, yes: write_rois(path, labels_of(n), overwrite=yes),
    "a.geojson": lambda path, n, yes: write_geojson(path, labels_of(n), overwrite=yes),
    "a.csv": lambda path, n, yes: write_table(
        path, measure(labels_of(n)), overwrite=yes
    ),
    "a.zarr": store,
    "a.safetensors": save,
}
ROUNDS = pytest.mark.parametrize(
    "rounds", [3, pytest.param(50, marks=pytest.mark.slow)]
)


def contents(folder: Path) -> dict[str, Any]:
    return {path.name: content(path) for path in folder.iterdir()}


def content(path: Path) -> Any:
    """All that two files have alike; archives tell the time of writing too."""
    if path.suffix != ".zip":
        return hash_of(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.rename(folder.parent / f"gone-{hash(path)}-{np.random.random()}")


@forks
@ROUNDS
@pytest.mark.parametrize("name", WRITERS)
def test_two_writers_of_one_path(tmp_path: Path, name: str, rounds: int) -> None:
    write, wholes = WRITERS[name], []
    for number in (1, 2):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        write(folder / name, number, False)
        wholes.append(contents(folder))
    assert wholes[0] != wholes[1]
    folder = tmp_path / "out"
    folder.mkdir()

    def both(overwrite: bool) -> list[str]:
        return at_once(
            *(lambda n=n: write(folder / name, n, overwrite) for n in (1, 2))
        )

    for number in range(rounds):
        told = both(False)
        assert "" in told and any(told)
        assert all("exists already" in t or "being written" in t for t in told if t)
        assert contents(folder) == wholes[told.index("")]
        told = both(True)
        assert "" in told and all("being written" in text for text in told if text)
        check_one_of(name, folder, wholes, told, number)
        remove(folder)


def check_one_of(
    name: str,
    folder: Path,
    wholes: list[dict[str, Any]],
    told: list[str],
    number: int,
) -> None:
    """What is there is of one of the two, down to the files beside it."""
    found = contents(folder)
    if name == "a.zarr":
        written = int(open_label_zarr(folder / name, "r")[0, 0])
        assert (open_label_zarr(folder / name, "r")[...] == labels_of(written)).all()
        table = pd.read_csv(folder / "a.csv")
        assert table["label"].tolist() == [written] and len(found) == 2
        assert not told[written - 1]
    elif name == "a.safetensors":
        assert set(found) == set(wholes[0]), number
        read_verified(folder / name)
    else:
        assert found in wholes, number


@forks
@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_two_reports_in_one_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    module = "napari_pmrnet.evaluation.report"
    images = pd.DataFrame({"modality": ["a"], "Dice": [0.5]}, index=pd.Index(["i"]))
    monkeypatch.setattr(f"{module}.image_table", lambda number: images * 1)
    monkeypatch.setattr(f"{module}.has_objects", lambda _: False)
    monkeypatch.setattr(f"{module}._segment_again", lambda *_: ())
    monkeypatch.setattr(f"{module}.plot_worst", lambda _: Figure())
    folder = tmp_path / "report"

    def report(number: int, overwrite: bool) -> Callable[[], object]:
        said: Mapping[str, Any] = {"number": f"{number}"}
        options: Any = (folder, [], {}, None, None, None, said, overwrite)
        return lambda: write_report(*options)

    for turn in range(rounds):
        told = at_once(*(report(number, turn > 0) for number in (1, 2)))
        assert "" in told
        assert all("exists already" in t or "being written" in t for t in told if t)
        texts = [(folder / name).read_text() for name in ("report.md", "scores.json")]
        signs = {n: (f"number: {n}", f'"number": "{n}"') for n in "12"}
        numbers = [
            {n for n, found in signs.items() if any(sign in text for sign in found)}
            for text in texts
        ]
        assert numbers[0] == numbers[1] and len(numbers[0]) == 1
        assert {path.name for path in folder.iterdir()} <= set(FILES)


class Figure:
    """Stands for a drawing."""

    def savefig(self, stream: Any, format: str) -> None:
        stream.write(b"a picture")
