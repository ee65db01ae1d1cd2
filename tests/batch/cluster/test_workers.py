"""What a worker must meet to take part, asked without a cluster."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from napari_pmrnet import __version__
from napari_pmrnet.batch.cluster.workers import (
    Demands,
    complaint,
    turn,
    turn_given_up,
    worker_model,
)
from napari_pmrnet.errors import ClusterError
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights

HASH = read_card(find_weights("nuclei")).sha256


@pytest.fixture
def demands(tmp_path: Path) -> Demands:
    token = tmp_path / "token"
    token.write_text("run 1")
    return Demands(__version__, "nuclei", HASH, token, "run 1", tmp_path)


def test_a_worker_like_this_one_has_no_complaint(demands: Demands) -> None:
    assert complaint(demands) == ""
    assert complaint(replace(demands, image=demands.token)) == ""


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "9.9"}, 'pip install "napari-pmrnet==9.9"'),
        ({"model": "nonesuch"}, "does not have the model"),
        ({"weights_hash": "0" * 64}, "has other weights of the model nuclei"),
        ({"text": "run 2"}, "does not see the output folder"),
        ({"image": Path("/nowhere/a.tif")}, "does not see the image"),
    ],
)
def test_what_is_missing_is_said(demands: Demands, changes: dict, words: str) -> None:
    assert words in complaint(replace(demands, **changes))


def test_a_folder_that_cannot_be_written_to(demands: Demands) -> None:
    said = complaint(replace(demands, folder=demands.token))
    assert f"cannot write to the output folder {demands.token}" in said


def test_work_is_wanted_as_long_as_its_token_is_there(
    demands: Demands, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert demands.is_current()
    demands.token.write_text("another run")
    assert not demands.is_current()
    demands.token.unlink()
    assert not demands.is_current()

    def trouble(*_: object, **__: object) -> str:
        raise OSError("stale file handle")

    monkeypatch.setattr(Path, "read_text", trouble)
    assert demands.is_current(), "a moment's trouble ends no work"


def test_others_have_their_turn_while_it_is_given_up() -> None:
    seen = []

    def other() -> None:
        with turn():
            seen.append("other")

    thread = threading.Thread(target=other)
    with turn():
        thread.start()
        thread.join(0.1)
        assert seen == []
        with turn_given_up():
            thread.join(10)
        assert seen == ["other"]


def test_a_worker_with_other_weights_is_refused(weights: Path) -> None:
    model = worker_model(str(weights), "cpu", read_card(weights).sha256)
    assert worker_model(str(weights), "cpu", model.card.sha256) is model
    with pytest.raises(ClusterError, match="has other weights"):
        worker_model(str(weights), "cpu", "0" * 64)
