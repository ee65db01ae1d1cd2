"""The command prints the paragraph, and refuses in words."""

from pathlib import Path

from typer.testing import CliRunner

from napari_pmrnet.cli.app import app
from napari_pmrnet.errors import DataError

LEGACY = Path(__file__).parents[1] / "legacy"


def test_labels_on_disk_are_described() -> None:
    for labels in ("batch/labels/cells_labels.tif", "large/cells_labels.zarr"):
        done = CliRunner().invoke(app, ["describe", str(LEGACY / labels)])
        assert done.exit_code == 0 and "an implementation of PMRNet" in done.output


def test_what_is_no_label_file_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["describe", str(tmp_path)])
    assert isinstance(done.exception, DataError)
    assert str(tmp_path) in str(done.exception)
