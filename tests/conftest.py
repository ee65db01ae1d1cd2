"""What every test shares: untrained weights, and nothing of the user's own settings."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

DISK_BYTES = 400_000

# What tests compare is float32, whatever the processor is fast at.
os.environ["PMRNET_HALF_PRECISION"] = "0"
os.environ.setdefault("NAPARI_CONFIG", os.path.join(tempfile.mkdtemp(), "napari.yaml"))
os.environ.setdefault("BIOIMAGEIO_CACHE_PATH", tempfile.mkdtemp())
os.environ["ORT_DISABLE_TELEMETRY"] = "1"


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted networks go into a folder of the tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_cache_path", lambda *_, **__: folder)
        yield folder


@pytest.fixture(autouse=True)
def no_shared_model() -> Iterator[None]:
    """Each test loads its own models."""
    from napari_pmrnet import models

    yield
    models._last.clear()


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The library of models is one of the tests."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)
        yield folder


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of the user's models, not there yet, for one test alone."""
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: tmp_path)
    return tmp_path / "models"


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights and their card on disk, window 64."""
    import torch

    from napari_pmrnet.models.card import architecture, save_model
    from napari_pmrnet.network import PMRNet

    torch.manual_seed(0)
    network = PMRNet(out_channels=3)
    with torch.no_grad():
        network.head[2].weight[:1].mul_(300)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    card = {
        "architecture": architecture(("probability", "flow_y", "flow_x")),
        "window": 64,
        "overlap": 16,
    }
    save_model(path, network.state_dict(), card)
    return path


@pytest.fixture(scope="session")
def whole_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained weights that label ``objects`` and ``classes`` (polyp, tool)."""
    import torch

    from napari_pmrnet.models.card import architecture, class_channels, save_model
    from napari_pmrnet.network import PMRNet

    paths = {}
    for kind, names in (("objects", []), ("classes", ["polyp", "tool"])):
        channels = ("probability", *class_channels(len(names)))
        torch.manual_seed(1)
        network = PMRNet(out_channels=len(channels))
        with torch.no_grad():
            network.head[2].weight.mul_(100)
        path = tmp_path_factory.mktemp("whole") / f"{kind}.safetensors"
        card = {"architecture": architecture(channels), "window": 64, "labels": kind}
        classes = {"classes": names} if names else {}
        save_model(path, network.state_dict(), {**card, **classes, "overlap": 16})
        paths[kind] = path
    return paths


@pytest.fixture(scope="session")
def model(weights: Path) -> Model:
    """The untrained network on the CPU."""
    from napari_pmrnet.models import load_model

    return load_model(weights, "cpu")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk in memory; skips the test without leave to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    try:
        made = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        made = False
    if not made:
        pytest.skip("no leave to mount a disk")
    yield place
    subprocess.run(["umount", str(place)], check=True)
