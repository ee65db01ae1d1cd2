"""What every test shares: untrained weights, and nothing of the user's own settings.

Also how the tests are shared out over the cores (pytest-xdist): see `pytest_configure`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

DISK_BYTES = 400_000

# As importing the package sets it; some tests load torch before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What tests compare is float32, whatever the processor is fast at.
os.environ["PMRNET_HALF_PRECISION"] = "0"
os.environ.setdefault("NAPARI_CONFIG", os.path.join(tempfile.mkdtemp(), "napari.yaml"))
os.environ.setdefault("BIOIMAGEIO_CACHE_PATH", tempfile.mkdtemp())
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

QUICK = "not slow and not gpu"
GIB_A_WORKER = 3
HAS_XVFB = sys.platform == "linux" and shutil.which("Xvfb") is not None
# Numba, which napari draws labels with, sets OpenMP's threads of the whole process.
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("MKL_NUM_THREADS", "NUMBA_NUM_THREADS"),
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Workers of ``-n auto``: one a core, if the memory does and each has a screen.

    Slow tests measure time and memory, so they are not shared out. Windows on one
    screen take each other's focus, so without Xvfb none are.
    """
    if config.option.markexpr != QUICK or not HAS_XVFB:
        return 0
    import psutil

    memory = psutil.virtual_memory().available / 2**30
    return min(cores(), int(memory / GIB_A_WORKER))


def cores() -> int:
    """Cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker its share of the cores, and a screen of its own."""
    choose_examples(config)
    workers = config.getoption("numprocesses", None)
    if hasattr(config, "workerinput"):
        if HAS_XVFB:
            own_screen(config)
    elif workers:
        share = str(max(1, cores() // workers))
        for name in THREADS:
            os.environ.setdefault(name, share)


def choose_examples(config: pytest.Config) -> None:
    """Give property-based tests the same examples each time, new ones when slow.

    Whoever changes one line is not to meet a fault of another; the long runs search.
    How long an example takes says something of the machine, not of the code.
    """
    quick = config.option.markexpr == QUICK
    hypothesis.settings.register_profile("ours", derandomize=quick, deadline=None)
    hypothesis.settings.load_profile("ours")


def own_screen(config: pytest.Config) -> None:
    """Start a virtual screen for this process."""
    read, write = os.pipe()
    options = ["-displayfd", str(write), "-screen", "0", "1600x1000x24"]
    server = subprocess.Popen(
        ["Xvfb", *options, "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
        preexec_fn=end_with_parent,
    )
    os.close(write)
    config.add_cleanup(server.terminate)
    with os.fdopen(read) as told:
        os.environ["DISPLAY"] = f":{told.readline().strip()}"
    os.environ |= {"LIBGL_ALWAYS_SOFTWARE": "1", "QT_QPA_PLATFORM": "xcb"}
    os.environ["PMRNET_VIRTUAL_SCREEN"] = "1"


def end_with_parent() -> None:
    """Have Linux end this process with its parent, even one that was killed."""
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)


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
    """Untrained weights and their card on disk, tiles of at most 64 pixels."""
    import torch

    from napari_pmrnet.models.card import new_card
    from napari_pmrnet.models.weights import save_model
    from napari_pmrnet.network import PMRNet

    torch.manual_seed(0)
    network = PMRNet(out_channels=3)
    with torch.no_grad():
        network.head[2].weight[:1].mul_(300)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    card = new_card(("probability", "flow_y", "flow_x"), window=32, overlap=16)
    save_model(path, network.state_dict(), card)
    return path


@pytest.fixture(scope="session")
def whole_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Untrained weights that label ``objects`` and ``classes`` (polyp, tool)."""
    import torch

    from napari_pmrnet.models.card import new_card
    from napari_pmrnet.models.label_kind import class_channels
    from napari_pmrnet.models.weights import save_model
    from napari_pmrnet.network import PMRNet

    paths = {}
    for kind, names in (("objects", []), ("classes", ["polyp", "tool"])):
        channels = ("probability", *class_channels(len(names)))
        torch.manual_seed(1)
        network = PMRNet(out_channels=len(channels))
        with torch.no_grad():
            network.head[2].weight.mul_(100)
        path = tmp_path_factory.mktemp("whole") / f"{kind}.safetensors"
        classes = {"classes": names} if names else {}
        card = new_card(channels, window=64, labels=kind, **classes, overlap=16)
        save_model(path, network.state_dict(), card)
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
