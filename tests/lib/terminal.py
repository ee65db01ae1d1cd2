"""The command line, run within the test."""

import logging
import sys

import pytest
from typer.testing import CliRunner

from napari_pmrnet.cli.app import app, main


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def run_main(*arguments: object, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Exit status of the console script, with logging set up as it does."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(sys, "argv", ["napari-pmrnet", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code
