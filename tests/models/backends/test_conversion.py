"""A conversion is kept, whole, for one version, and made by one process at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import conversion
from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.model import Model

pytestmark = pytest.mark.skipif(
    not has_openvino(), reason="the extra openvino is not installed"
)


@pytest.fixture(scope="module")
def by_openvino(weights: Path) -> Model:
    return load_model(weights, "cpu", "openvino")


def tiles(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 3, height, width), np.float32)


def test_a_conversion_is_kept_and_one_that_broke_is_made_anew(
    weights: Path, by_openvino: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = by_openvino.predict_tiles(tiles(1, 64, 64))
    folder = conversion.folder_for(by_openvino.card.sha256, 3)
    calls = []
    convert = conversion._convert
    monkeypatch.setattr(
        conversion, "_convert", lambda network: calls.append(1) or convert(network)
    )
    again = load_model(weights, "cpu", "openvino").predict_tiles(tiles(1, 64, 64))
    assert not calls
    np.testing.assert_array_equal(again, expected)
    whole = (folder / "network.bin").read_bytes()
    for name, content in (
        ("network.xml", b"<cut off"),
        ("network.bin", whole[:-4] + b"junk"),
        ("network.bin", whole[:1000]),
    ):
        (folder / name).write_bytes(content)
        for compiled in folder.glob("*.compiled"):
            compiled.unlink()
        anew = load_model(weights, "cpu", "openvino").predict_tiles(tiles(1, 64, 64))
        assert calls.pop()
        np.testing.assert_array_equal(anew, expected)


@pytest.mark.slow
def test_processes_that_convert_at_once_agree(
    weights: Path, tmp_path: Path, by_openvino: Model
) -> None:
    code = (
        "import sys, numpy as np; from napari_pmrnet.models import load_model;"
        "import platformdirs; from pathlib import Path;"
        f"platformdirs.user_cache_path = lambda *_, **__: Path({str(tmp_path)!r});"
        f"model = load_model({str(weights)!r}, 'cpu', 'openvino');"
        "maps = model.predict_tiles(np.full((1, 3, 64, 64), .5, np.float32));"
        "sys.stdout.write(maps.tobytes().hex())"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    told = [process.communicate(timeout=200) for process in started]
    assert {error for _, error in told} == {""}
    expected = by_openvino.predict_tiles(np.full((1, 3, 64, 64), 0.5, np.float32))
    assert {output for output, _ in told} == {expected.tobytes().hex()}
    assert not list((tmp_path / "openvino").glob("tmp*"))


def test_a_cache_that_cannot_be_written_is_done_without(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: blocked)
    model = load_model(weights, "cpu", "openvino")
    for side in (32, 64):
        model.predict_tiles(tiles(1, side, side))
    assert model.runs_on == "cpu with OpenVINO"
    assert caplog.text.count("cannot be kept") == 1


def test_a_conversion_of_another_version_is_let_lie_and_another_made(
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    kept = []
    for version in ("2025.0.0", "2026.4.1"):
        monkeypatch.setattr(conversion, "version", lambda _, v=version: v)
        model = load_model(weights, "cpu")
        assert "network" in vars(model)
        assert model.predict_tiles(tiles(1, 32, 32)).shape == (1, 5, 32, 32)
        kept.append(conversion.folder_for(model.card.sha256, 3))
    assert kept[0] != kept[1] and all(map(conversion.is_whole, kept))
    assert not caplog.text


def test_a_version_without_metadata_is_asked_of_openvino(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(_: str) -> str:
        raise conversion.PackageNotFoundError

    monkeypatch.setattr(conversion, "version", unknown)
    assert conversion._openvino()[:4].isdecimal()


def test_a_cache_that_cannot_be_read_holds_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error in (PermissionError("denied"), ImportError("No module named openvino")):

        def fail(*_: object, told: Exception = error) -> Path:
            raise told

        monkeypatch.setattr(conversion, "folder_for", fail)
        assert not conversion.is_kept("0" * 64, 3)


def test_a_conversion_that_goes_while_it_is_used_is_made_again(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    expected = load_model(weights, "cpu").predict_tiles(tiles(1, 32, 32))
    model = load_model(weights, "cpu")
    assert "OpenVINO" in model.runs_on and "network" not in vars(model)
    folder = conversion.folder_for(model.card.sha256, 3)
    for path in folder.iterdir():
        path.unlink()
    np.testing.assert_array_equal(model.predict_tiles(tiles(1, 32, 32)), expected)
    assert "OpenVINO" in model.runs_on
