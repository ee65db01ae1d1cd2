"""Gestures at random in a real viewer: whatever is done, all that is kept agrees."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_pmrnet.plugin.measure.snapshot import Specimen
from napari_pmrnet.proofreading.journal import fingerprint, journal_path, read_journal
from napari_pmrnet.proofreading.saved_review import load_review
from napari_pmrnet.segmentation.predict import run_to_end

from .conftest import CONTROL, SHIFT, Driver

KEYS = [getattr(Qt.Key, f"Key_{name}") for name in (*"ADTFEN", "Tab", "Left", "Right")]
TOOLS = [getattr(Qt.Key, f"Key_{name}") for name in "SKJI"]
OFTEN = {"key": 6, "undo": 4, "click": 3, "line": 3, "paint": 3, "redo": 2}
NAMES = ["c", "x y", "<b>", "c nuclei"]


class Hands:
    """Somebody who does anything, in no order."""

    def __init__(self, driver: Driver, seed: int, saved: Path, qtbot: Any) -> None:
        self.driver, self.saved, self._qtbot = driver, saved, qtbot
        self.rng = random.Random(seed)
        self.layer = driver.dock.session.layer
        gestures = [name for name in vars(Hands) if not name.startswith("_")]
        gestures.remove("place")
        self._does = [name for name in gestures for _ in range(OFTEN.get(name, 1))]

    def _do(self) -> None:
        getattr(self, self.rng.choice(self._does))()

    def place(self) -> tuple[float, float]:
        return self.rng.uniform(0, 59), self.rng.uniform(0, 79)

    def key(self) -> None:
        self.driver.key(self.rng.choice(KEYS))

    def click(self) -> None:
        self.driver.click(*self.place())

    def undo(self) -> None:
        self.driver.key(Qt.Key.Key_Z, CONTROL)

    def redo(self) -> None:
        self.driver.key(Qt.Key.Key_Z, CONTROL | SHIFT)

    def line(self) -> None:
        self.driver.key(self.rng.choice(TOOLS))
        self.driver.draw(*(self.place() for _ in range(4)))
        self.driver.key(self.rng.choice([Qt.Key.Key_Return, Qt.Key.Key_Escape]))

    def paint(self) -> None:
        self.layer.selected_label, self.layer.mode = self.rng.randint(0, 9), "paint"
        self.driver.viewer.layers.selection.active = self.layer
        self.driver.draw(self.place(), self.place())
        self.layer.mode = "pan_zoom"

    def script(self) -> None:
        if not self.layer.visible:  # napari fails at a slice that it did not draw
            return
        y, x = map(int, self.place())
        with self.layer.block_history():
            at = np.array([y]), np.array([x])
            self.layer.data_setitem(at, self.rng.randint(0, 12))

    def renumber(self) -> None:
        self.driver.dock.bulk.renumber.emit()

    def rename(self) -> None:
        layers = list(self.driver.viewer.layers)
        self.rng.choice(layers).name = self.rng.choice(NAMES)

    def move(self) -> None:
        layers = self.driver.viewer.layers
        layers.move(*(self.rng.randrange(len(layers)) for _ in range(2)))

    def scale(self) -> None:
        step = self.rng.choice([0.5, 2.0])
        for layer in self.driver.viewer.layers:
            layer.scale = (step, step)

    def select(self) -> None:
        layers = self.driver.viewer.layers
        layers.selection.active = self.rng.choice(list(layers))

    def hide(self) -> None:
        self.layer.visible = not self.layer.visible

    def measure(self) -> None:
        self.driver.dock.measure.measure()
        self._qtbot.waitUntil(lambda: not self.driver.dock.measure.is_running)

    def save(self) -> None:
        desk = self.driver.dock.desk
        desk.save(self.saved)
        self._qtbot.waitUntil(lambda: not desk._storing.is_running)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(14))
def test_all_that_is_kept_agrees(seed, open_review, qtbot, aside, tmp_path) -> None:
    driver = open_review()
    image = driver.viewer.layers["c"]
    hands = Hands(driver, seed, tmp_path / "saved", qtbot)
    for _ in range(60):
        hands._do()
    qtbot.wait(500)
    session, layer = driver.dock.session, hands.layer
    session.settle()
    qtbot.wait(300)
    data, review = np.asarray(layer.data), session.review
    counts = np.bincount(data.ravel())
    pixels = {label: int(n) for label, n in enumerate(counts) if label and n}
    assert (review.labels == data).all()
    assert review.nuclei.table["area"].to_dict() == pixels
    journal = journal_path(None, fingerprint(np.asarray(image.data)))
    if journal.exists():
        kept = read_journal(journal)
        assert (kept.labels == data).all() and kept.statuses == review.statuses
    hands.save()
    back = load_review(hands.saved)
    assert (back.labels == data).all() and back.statuses == review.statuses
    features, flags = layer.features.set_index("index"), review.flags()
    assert features["area"].to_dict() == pixels
    certain = flags["certainty"].reindex(features.index)
    assert np.array_equal(features["certainty"], certain, equal_nan=True)
    specimen = Specimen.of(layer, driver.viewer.layers, driver.viewer.dims)
    table = run_to_end(specimen.measuring(specimen.labels.read()))
    step = abs(float(layer.scale[-1]))
    for label, row in table.iterrows():
        ys, xs = np.nonzero(data == label)
        centre = (step * ys.mean(), step * xs.mean())
        assert row["area"] == pytest.approx(len(ys) * step**2)
        assert (row["centroid_y"], row["centroid_x"]) == pytest.approx(centre)
