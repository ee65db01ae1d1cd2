"""napari opens with the results of a folder, or says why not."""

from pathlib import Path

import pytest
from terminal import run
from typer.testing import CliRunner

from napari_pmrnet.batch.run_log import Entry, Record
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.cli.app import app
from napari_pmrnet.errors import DataError
from napari_pmrnet.plugin.batch import start


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str]]:
    asked: list[tuple[Path, str]] = []
    monkeypatch.setattr(
        start, "review_in_napari", lambda output, image: asked.append((output, image))
    )
    return asked


@pytest.fixture
def output(tmp_path: Path) -> Path:
    record = Record(tmp_path / "out")
    for file in ("../x/a.png", "../y/a.png", "../y/b.png"):
        labels = f"{file[3:].replace('/', '_')}_labels.tif"
        (tmp_path / "out" / labels).touch()
        record.add(Entry(Row(file, labels, 2, 0.8), {"x": 1}, "hash"))
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("options", "file"),
    [
        ((), "../x/a.png"),
        (("--image", "b.png"), "../y/b.png"),
        (("--image=../y/a.png",), "../y/a.png"),
    ],
)
def test_the_image_that_is_named_is_opened(begun, output, options, file) -> None:
    run("review", output, *options)
    assert begun == [(output.resolve(), file)]


@pytest.mark.parametrize(
    ("options", "said"), [("a.png", "2 images have"), ("z.png", "no image has")]
)
def test_a_name_of_none_or_of_several_is_refused(begun, output, options, said) -> None:
    result = CliRunner().invoke(app, ["review", str(output), "--image", options])
    assert isinstance(result.exception, DataError) and said in str(result.exception)
    assert not begun


def test_a_folder_without_results_is_refused(begun, tmp_path) -> None:
    result = CliRunner().invoke(app, ["review", str(tmp_path)])
    assert "no labels of a batch" in str(result.exception) and not begun
