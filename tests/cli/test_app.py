"""The command line does what the functions do, and says what went wrong."""

import subprocess
import sys

import pytest
from terminal import run, run_main

from napari_pmrnet.cli import app as app_module
from napari_pmrnet.errors import DataError


def test_help_needs_neither_torch_nor_a_viewer():
    code = (
        "import sys\nfrom napari_pmrnet.cli.app import app\n"
        "try: app(['segment', '--help'])\nexcept SystemExit: pass\n"
        "print('LOADED', {'torch', 'napari', 'zarr'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert "LOADED set()" in done.stdout, done.stderr


def test_help_names_every_command():
    said = run("--help")
    for command in ("segment", "train", "finetune", "evaluate", "data", "models"):
        assert f" {command} " in said


def test_what_is_wrong_is_a_line_and_a_status(monkeypatch, capsys):
    def refuse(*_):
        raise DataError("[red]a:smile:.tif[/red]: is damaged.\nCopy it again.")

    monkeypatch.setattr(app_module, "app", refuse)
    assert run_main(monkeypatch=monkeypatch) == 1
    said = capsys.readouterr()
    assert not said.out
    assert said.err == "Error: [red]a:smile:.tif[/red]: is damaged.\nCopy it again.\n"


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(app_module, "app", fail)
    with pytest.raises(ZeroDivisionError):
        app_module.main()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ModuleNotFoundError("No module named 'skimage'", name="skimage"), "needs"),
        (ImportError("libfoo.so: no such file", name="skimage"), "does not load"),
    ],
)
def test_a_base_library_that_does_not_load_is_a_line_too(
    error, told, monkeypatch, capsys
):
    def broken(*_):
        raise error

    monkeypatch.setattr(app_module, "app", broken)
    assert run_main(monkeypatch=monkeypatch) == 1
    said = capsys.readouterr().err
    assert "scikit-image" in said and told in said and said.count("pip install") == 1
