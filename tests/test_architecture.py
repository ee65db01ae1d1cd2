"""The rooms of the code: who may import whom, and where tests are."""

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

CHECKOUT = Path(__file__).parents[1]


def test_rooms_import_downwards_only(monkeypatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.syspath_prepend(str(CHECKOUT / "src"))
    assert lint_imports(cache_dir=None, no_cache=True) == EXIT_STATUS_SUCCESS
