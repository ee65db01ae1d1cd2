"""The examples in docstrings of the public API say what is true."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

MODULES = (
    "datasets.synthetic",
    "io.images",
    "io.labels",
    "models.model",
    "segmentation.segment",
    "settings",
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = doctest.testmod(import_module(f"napari_pmrnet.{module}"))
    assert done.attempted and not done.failed
