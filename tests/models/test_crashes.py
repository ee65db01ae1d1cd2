"""The library of models and the cache of converted ones: killed, and two at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from crashes import at_once, forks, killed

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models.backends import conversion, convert
from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.card import read_verified
from napari_pmrnet.models.importing import read_model
from napari_pmrnet.models.library import find_weights, user_folder, user_models
from napari_pmrnet.models.user_models import (
    delete_model,
    import_model,
    keep_model,
    rename_model,
)

needs_openvino = pytest.mark.skipif(
    not has_openvino(), reason="the extra openvino is not installed"
)
ROUNDS = pytest.mark.parametrize(
    "rounds", [3, pytest.param(100, marks=pytest.mark.slow)]
)


def whole_models() -> list[str]:
    """Names in the library; all have weights and card that belong together."""
    names = user_models()
    for name in names:
        _, card = read_verified(find_weights(name))
        assert card.name in ("a", "b", "c")
    return names


@forks
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_hundred_kills_while_the_library_changes(
    source: Path, library: Path
) -> None:
    before, incoming = source.read_bytes(), read_model(source)

    def changes() -> None:
        for number in count():
            names = user_models()
            old = names[0] if names else ""
            new = "abc"[number % 3]
            with suppress(PMRNetError):  # a name that is there, or no model yet
                if number % 5 == 0 and old:
                    delete_model(old)
                elif number % 2 and old:
                    rename_model(old, new)
                else:
                    keep_model(incoming, new)

    seen = set()
    for _ in killed(changes, 0.3):
        seen.add(len(whole_models()))
        assert source.read_bytes() == before
    assert len(seen) > 2
    for name in whole_models():
        delete_model(name)
    import_model(source, "a")
    assert whole_models() == ["a"]


@forks
@ROUNDS
def test_two_processes_change_the_library(
    source: Path, library: Path, rounds: int
) -> None:
    seen = set()
    for number in range(rounds):
        told = at_once(*[lambda: import_model(source, "a")] * 2)
        assert sorted(map(bool, told)) == [False, True] and whole_models() == ["a"]
        changes = (lambda: rename_model("a", "b")), (lambda: rename_model("a", "c"))
        told = at_once(*changes)
        assert "" in told and not all(told)
        (name,) = whole_models()
        seen.add(name)
        told = at_once(partial(delete_model, name), partial(rename_model, name, "a"))
        assert "" in told and whole_models() in ([], ["a"])
        for left in whole_models():
            delete_model(left)
        assert not list(user_folder().iterdir()), number
    assert seen <= {"b", "c"}


@pytest.fixture
def cached(
    model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Callable[[], Any]]:
    """Folder of the cache, and what takes a network out of it or puts it in."""
    core = conversion.import_module("openvino").Core()
    made = convert.convert(model.network)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(convert, "convert", lambda _: made)
    folder = tmp_path / "openvino" / ("0" * 24)
    take = partial(conversion.converted, core, lambda: model.network, folder)
    return folder, take


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@forks
@needs_openvino
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_two_hundred_killed_conversions(cached: tuple[Path, Any]) -> None:
    folder, take = cached
    take()
    whole, seen = contents(folder), set()

    def conversions() -> None:
        while True:
            take()
            for path in folder.iterdir():
                path.write_bytes(path.read_bytes()[:99])

    for _ in killed(conversions, 0.5):
        there = folder.is_dir() and set(contents(folder)) == set(whole)
        seen.add(there)
        take()
        assert contents(folder) == whole
        names = {path.name for path in folder.parent.iterdir()}
        assert names <= {folder.name, f"{folder.name}.lock"}


@forks
@needs_openvino
@ROUNDS
def test_two_conversions_into_one_cache(cached: tuple[Path, Any], rounds: int) -> None:
    folder, take = cached
    take()
    whole = contents(folder)
    for _ in range(rounds):
        shutil.rmtree(folder)
        assert at_once(take, take) == ["", ""]
        assert contents(folder) == whole
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]
