"""Which device is taken, and half precision that keeps the labels of real images."""

import os
import sys
from pathlib import Path

import pytest

from napari_pmrnet.datasets.folder import PackedDataset
from napari_pmrnet.evaluation.instance import average_precision, match
from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends import choose, devices
from napari_pmrnet.models.backends.base import Device
from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.backends.devices import choose_device
from napari_pmrnet.models.backends.openvino import multiplies_bfloat16
from napari_pmrnet.segmentation import Settings, segment

FOLDER = os.environ.get("PMRNET_DSB18")

bfloat16 = pytest.param(
    "openvino",
    "bfloat16",
    1,
    marks=pytest.mark.skipif(
        not has_openvino() or not multiplies_bfloat16(),
        reason="needs OpenVINO and a processor with instructions for bfloat16",
    ),
    id="bfloat16 in OpenVINO",
)
# What a GPU computes in; on a processor it takes half a minute an image.
float16 = pytest.param("pytorch", "float16", 10, id="float16 in PyTorch")


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not FOLDER, reason="PMRNET_DSB18 names no folder")
@pytest.mark.parametrize(("backend", "dtype", "every"), [bfloat16, float16])
def test_labels_are_those_of_float32(
    backend: str, dtype: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = PackedDataset(Path(FOLDER), subset="val")
    monkeypatch.setattr(choose, "fast_dtype", lambda *_: "float32")
    exact = load_model("nuclei", "cpu", backend)
    assert exact.backend.dtype == "float32"
    monkeypatch.setattr(choose, "fast_dtype", lambda *_: dtype)
    half = load_model("nuclei", "cpu", backend)
    assert half.backend.dtype == dtype
    matches = []
    for image_id in dataset.ids[::every]:
        image, _ = dataset.load(image_id)
        expected = segment(image, Settings.for_card(exact.card), exact)
        settings = Settings.for_card(half.card, diameter=expected.diameter)
        actual = segment(image, settings, half)
        matches += match(expected.labels, actual.labels, [0.9])
    pooled, per_image = average_precision(matches)
    print(
        f"{backend}, {dtype}: AP at 0.9 {pooled:.4f} pooled, {per_image:.4f} an image"
    )
    assert pooled >= 0.99 and per_image >= 0.99


@pytest.mark.parametrize(
    ("torch_version", "system", "machine", "driver", "asked"),
    [
        ("2.13.0+cpu", "linux", "x86_64", True, False),
        ("2.13.0", "linux", "x86_64", False, False),
        ("2.13.0", "linux", "x86_64", True, True),
        ("2.13.0", "win32", "AMD64", True, True),
        ("2.13.0", "darwin", "x86_64", False, False),
        ("2.13.0", "darwin", "arm64", False, True),
        (None, "linux", "x86_64", False, True),
    ],
)
def test_torch_is_asked_only_where_there_may_be_a_gpu(
    torch_version: str | None,
    system: str,
    machine: str,
    driver: bool,
    asked: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(_: str) -> str:
        if torch_version is None:
            raise devices.PackageNotFoundError
        return torch_version

    calls = []
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(devices, "version", version)
    monkeypatch.setattr(devices.sys, "platform", system)
    monkeypatch.setattr(devices.platform, "machine", lambda: machine)
    monkeypatch.setattr(devices, "_has_driver", lambda: driver)
    monkeypatch.setattr(
        devices, "_present", lambda: calls.append(1) or [("cuda:0", "a GPU")]
    )
    assert choose_device("cpu") == "cpu" and not calls
    assert choose_device("auto") == ("cuda:0" if asked else "cpu")
    assert bool(calls) == asked
    assert choose_device("cuda") == Device("cuda:0")


def test_a_driver_is_one_that_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError("cannot open shared object file")

    monkeypatch.setattr(devices, "Path", lambda _: Path("surely-not-there"))
    monkeypatch.setattr(devices.ctypes, "CDLL", missing)
    assert not devices._has_driver()
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda _: object())
    assert devices._has_driver()
