"""A quick stand-in for the network, and a dock in a real viewer to try it in."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import napari.settings
import numpy as np
import pandas as pd
import pytest
from npe2 import PluginManifest
from qtpy.QtCore import QSettings
from scipy import ndimage

import napari_pmrnet
from napari_pmrnet.models.card import ModelCard, new_card
from napari_pmrnet.plugin.segment import jobs
from napari_pmrnet.plugin.widgets import model_chooser, preferences
from napari_pmrnet.segmentation import Segmentation, segment_stack
from napari_pmrnet.segmentation.flow_labels import smallest_area
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.postprocess import Missed
from napari_pmrnet.settings import Settings


@dataclass(frozen=True)
class FakeModel:
    name: str = "nuclei"
    card: ModelCard = field(
        default_factory=lambda: new_card(("probability",), sha256="0" * 64)
    )


@dataclass(frozen=True)
class FakeSegmentation(Segmentation):
    model: FakeModel = field(default_factory=FakeModel)
    device: str = "cpu"
    seconds: float = 0.1

    def relabel(self, settings: Settings) -> FakeSegmentation:
        return make_segmentation(self.maps["probability"], settings)


class Found(FakeSegmentation):
    """A segmentation with a proposal in the lower right corner."""

    flows = None

    def missed(self) -> Missed:
        labels = np.zeros(self.labels.shape, np.int32)
        labels[50:56, 70:76] = 1
        objects = pd.DataFrame({"label": [1], "certainty": [0.6], "area": [36]})
        objects["dropped"] = False
        return Missed(labels, objects)


def make_segmentation(
    probability: np.ndarray, settings: Settings | None = None
) -> FakeSegmentation:
    """Threshold a probability map and drop small components."""
    settings = settings or Settings()
    labels, count = ndimage.label(probability > settings.probability_threshold)
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    keep = np.flatnonzero(areas >= smallest_area(settings, None))
    keep = keep[keep > 0]
    renumbered = np.zeros(count + 1, np.int32)
    renumbered[keep] = np.arange(1, len(keep) + 1)
    objects = pd.DataFrame(
        {
            "label": np.arange(1, len(keep) + 1),
            "certainty": np.full(len(keep), 0.9),
            "area": areas[keep],
        }
    )
    maps = {
        kind: probability.astype(np.float32)
        for kind in ("probability", "boundary", "certainty")
    }
    return FakeSegmentation(renumbered[labels], maps, objects, settings)


@dataclass
class FakeCore:
    """What the fake run was asked, and levers to hold it or to break it."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    images: list[np.ndarray] = field(default_factory=list)
    gate: Event = field(default_factory=Event)
    error: Exception | None = None
    steps: int = 3

    def segment_steps(
        self, plane: Plane, settings: Settings, model: Any = None, **keywords: Any
    ) -> Iterator[Any]:
        self.calls.append({"settings": settings, "plane": plane, **keywords})
        image = plane.read()
        self.images.append(np.array(image))
        yield jobs.Progress(0, self.steps, "loading the network")
        while not self.gate.is_set():
            time.sleep(0.005)
            yield jobs.Progress(0, self.steps, "held")
        if self.error is not None:
            raise self.error
        image = image[..., 0] if image.ndim == 3 else image
        for step in range(self.steps):
            yield jobs.Progress(step + 1, self.steps, "window")
        return make_segmentation(image / 255, settings)


@pytest.fixture
def qtbot(qtbot):
    """Give busy machines more time than Qt's usual five seconds."""
    wait = qtbot.waitUntil
    qtbot.waitUntil = lambda until, timeout=60_000: wait(until, timeout=timeout)
    return qtbot


@pytest.fixture
def core(monkeypatch) -> Iterator[FakeCore]:
    """Replace the network and torch; runs go through unless ``gate`` is cleared."""
    fake = FakeCore()
    fake.gate.set()
    report = model_chooser.DeviceReport(
        [("auto", "Automatic: CPU"), ("cpu", "CPU")], None
    )
    monkeypatch.setattr(jobs, "segment_steps", fake.segment_steps)
    monkeypatch.setattr(segment_stack, "segment_steps", fake.segment_steps)
    monkeypatch.setattr("napari_pmrnet.models.shared_model", lambda *_: FakeModel())
    monkeypatch.setattr(jobs, "load_torch", lambda: None)
    monkeypatch.setattr(model_chooser, "list_devices", lambda: report)
    monkeypatch.setattr(model_chooser, "warm_up", lambda *_: None)
    yield fake
    fake.gate.set()


if not hasattr(napari.settings, "get_plugin_settings"):

    @pytest.fixture
    def plugin_settings(monkeypatch, tmp_path) -> None:
        """Without preferences of plugins, before napari 0.9: a file of the test."""
        path = str(tmp_path / "settings.ini")
        monkeypatch.setattr(
            preferences,
            "QSettings",
            lambda *_: QSettings(path, QSettings.Format.IniFormat),
        )


@pytest.fixture
def manifest(plugin_settings, npe2pm) -> PluginManifest:
    """The plugin alone, with preferences of its own in a temporary folder."""
    package = napari_pmrnet.__path__[0]
    found = PluginManifest.from_file(f"{package}/napari.yaml")
    npe2pm.register(found)
    return found


@pytest.fixture
def blobs() -> np.ndarray:
    """Three bright blobs of 400, 100 and 9 pixels; the last has a fainter rim."""
    image = np.zeros((80, 100), np.uint8)
    image[5:25, 5:25] = 250
    image[40:50, 60:70] = 200
    image[60:65, 20:25] = 100
    image[61:64, 21:24] = 180
    return image


@pytest.fixture
def segmentation(blobs) -> FakeSegmentation:
    """What the stand-in makes of the blobs: two nuclei under default settings."""
    return make_segmentation(blobs / 255)


@pytest.fixture
def open_dock(
    make_napari_viewer_proxy, manifest, core, qtbot
) -> Callable[..., tuple[Any, Any]]:
    """Open a viewer with the dock in it, as napari would."""

    def open_(**options: Any) -> tuple[Any, Any]:
        viewer = make_napari_viewer_proxy(**options)
        _, dock = viewer.window.add_plugin_dock_widget(
            "napari-pmrnet", "Segment nuclei"
        )
        qtbot.waitUntil(
            lambda: not dock._list_timer.isActive() and not dock._listing.is_running
        )
        return viewer, dock

    return open_


@pytest.fixture
def run_and_wait(qtbot) -> Callable[[Any], None]:
    """Press the button and wait until the dock is ready again."""

    def run(dock: Any) -> None:
        dock.run_panel.run_button.click()
        qtbot.waitUntil(dock.run_panel.run_button.isEnabled)

    return run


@pytest.fixture(autouse=True)
def _quick_collections() -> None:
    """Leave what is there before a test out of the collections that napari asks for.

    It collects garbage four times a test with a viewer, and looks at every object of
    torch and napari each time.
    """
    gc.freeze()
