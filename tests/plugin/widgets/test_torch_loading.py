"""torch is imported beside the window, and the collector waits."""

import gc
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import napari_pmrnet
from napari_pmrnet.errors import SoftwareError
from napari_pmrnet.plugin.widgets import torch_loading
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector

WEIGHTS = Path(napari_pmrnet.__file__).parent / "models" / "nuclei.safetensors"


@pytest.mark.slow
@pytest.mark.skipif(not WEIGHTS.exists(), reason=f"there is no {WEIGHTS.name} here")
def test_the_window_never_waits_during_a_run():
    script = Path(__file__).with_name("latency_probe.py")
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    worst, gui_imports = done.stdout.split()[-2:]
    assert float(worst) < 0.2, done.stdout
    assert gui_imports == "0"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else wants the collector quiet."""
    monkeypatch.setattr(torch_loading, "_quiet", torch_loading._Quiet())


def test_the_collector_is_woken_by_the_last_who_wanted_it_quiet() -> None:
    with quiet_collector():
        assert gc.get_freeze_count() > 0
        with quiet_collector():
            pass
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_an_error_wakes_the_collector_too() -> None:
    with pytest.raises(ZeroDivisionError), quiet_collector():
        raise ZeroDivisionError
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("enabled", [True, False])
def test_collection_waits_for_the_import_and_is_then_as_before(
    monkeypatch: pytest.MonkeyPatch, enabled: bool
) -> None:
    seen = []
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(torch_loading, "_preload_libraries", lambda: None)
    monkeypatch.setattr(torch_loading, "import_module", seen.append)

    def fail() -> None:
        seen.append(gc.isenabled())
        raise SoftwareError("torch is broken")

    monkeypatch.setattr(torch_loading, "import_torch", fail)
    was = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(SoftwareError, match="is broken"):
            load_torch()
        assert seen == [False] and gc.isenabled() is enabled
    finally:
        (gc.enable if was else gc.disable)()


def test_torch_that_is_there_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", sys)
    monkeypatch.setattr(torch_loading, "import_torch", None)
    load_torch()


@pytest.mark.skipif(sys.platform != "linux", reason="libraries are named .so there")
def test_libraries_are_loaded_ahead_where_torch_has_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """Whatever is there instead of a library does no harm."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "libtorch_python.so").write_bytes(b"no library")
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(torch_loading, "find_spec", lambda _: spec)
    with caplog.at_level("DEBUG", logger=torch_loading.__name__):
        torch_loading._preload_libraries()
    assert "libtorch_python.so was not loaded ahead" in caplog.text
    monkeypatch.setattr(torch_loading, "find_spec", lambda _: None)
    torch_loading._preload_libraries()
