"""``python -m napari_pmrnet`` is the command ``napari-pmrnet``."""

import subprocess
import sys
from pathlib import Path

import pytest


def told(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What it says, run from a folder that has nothing of ours."""
    words = [sys.executable, "-m", "napari_pmrnet", *arguments]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=cwd)


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = told("--help", cwd=tmp_path)
    assert done.returncode == 0 and " segment " in done.stdout
    assert "python -m napari_pmrnet" in done.stdout, "the name that was typed"
    failed = told("describe", "none.tif", cwd=tmp_path)
    assert failed.returncode == 1 and "none.tif" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("module", ["napari_pmrnet", "napari_pmrnet.cli.app"])
def test_nothing_heavy_is_imported_for_it(module: str) -> None:
    heavy = "{'torch', 'napari', 'qtpy'}"
    code = f"import {module}\nimport sys\nprint({heavy} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "set()", done.stderr
