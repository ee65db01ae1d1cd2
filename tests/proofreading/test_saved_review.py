"""A saved review is opened as it was."""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.lock import OwnerLock
from napari_pmrnet.io.space import Space
from napari_pmrnet.proofreading.saved_review import (
    OtherReviewError,
    SavedReview,
    load_review,
    save_review,
)


def a_review() -> SavedReview:
    rng = np.random.default_rng(0)
    found = np.kron(np.arange(12).reshape(3, 4), np.ones((5, 5), int)).astype(np.int32)
    labels = found.copy()
    labels[3:9, 3:9] = 70_000
    maps = {
        name: rng.normal(size=labels.shape).astype(np.float32)
        for name in ("probability", "certainty", "flow_y", "flow_x")
    }
    statuses = {("nucleus", 7): "accepted", ("missed", 2): "dismissed"}
    made = {"settings": {"seed_threshold": 0.5}, "weights_hash": "84e9"}
    space = Space.of_plane((0.5, 0.25), "um")
    return SavedReview(labels, found, maps, statuses, "abc", made, space)


def test_all_comes_back(tmp_path: Path) -> None:
    saved = a_review()
    table = pd.DataFrame({"area": [1.5]}, index=pd.Index([7], name="label"))
    folder = save_review(tmp_path / "new" / "review", saved, table)
    back = load_review(folder)
    for name in ("labels", "found"):
        np.testing.assert_array_equal(getattr(back, name), getattr(saved, name))
        assert getattr(back, name).dtype == np.int32
    for name, image in saved.maps.items():
        np.testing.assert_array_equal(back.maps[name], image)
    for name in ("statuses", "image", "made", "space"):
        assert getattr(back, name) == getattr(saved, name)
    assert (folder / "nuclei.csv").read_text() == "label,area\n7,1.5\n"


def test_saving_again_replaces(tmp_path: Path) -> None:
    save_review(tmp_path, a_review())
    plain = SavedReview(a_review().found, a_review().found, image="abc")
    save_review(tmp_path, plain)
    back = load_review(tmp_path)
    assert (back.labels == plain.found).all() and not back.maps and not back.statuses
    assert not (tmp_path / "maps.tif").exists()


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no saved review"):
        load_review(tmp_path / "nothing")
    (tmp_path / "thesis.docx").write_text("")
    with pytest.raises(DataError, match="other files"):
        save_review(tmp_path, a_review())
    folder = save_review(tmp_path / "a", a_review())
    save_review(tmp_path / "b", SavedReview(*[np.ones((4, 4), np.int32)] * 2))
    (tmp_path / "b" / "found.tif").replace(folder / "found.tif")
    with pytest.raises(DataError, match=r"found.tif has shape \(4, 4\)"):
        load_review(folder)
    index = json.loads((tmp_path / "b" / "review.json").read_text())
    (tmp_path / "b" / "review.json").write_text(json.dumps({**index, "version": 2}))
    with pytest.raises(DataError, match="newer"):
        load_review(tmp_path / "b")
    (folder / "labels.tif").unlink()
    with pytest.raises(DataError, match="labels.tif"):
        load_review(folder)


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("other", ["image", "labels", "unknown"])
def test_another_review_is_replaced_only_if_the_user_says_so(
    tmp_path: Path, other: str
) -> None:
    first = a_review()
    if other == "unknown":
        first = replace(first, image="")
    save_review(tmp_path, first)
    (tmp_path / "notes.txt").write_text("mine")
    second = {
        "image": replace(a_review(), image="abd", made={"image": "b"}),
        "labels": replace(a_review(), found=a_review().found + 1),
        "unknown": a_review(),
    }[other]
    before = files_of(tmp_path)
    with pytest.raises(OtherReviewError, match="Replace it only if"):
        save_review(tmp_path, second)
    assert files_of(tmp_path) == before
    save_review(tmp_path, second, replace=True)
    back = load_review(tmp_path)
    assert back.image == second.image and (back.found == second.found).all()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_with_labels_of_somebody_else_is_refused(tmp_path: Path) -> None:
    for name in ("labels.tif", "review.json"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(b"mine")
        with pytest.raises(DataError, match="holds other files"):
            save_review(folder, a_review(), replace=True)
        assert files_of(folder) == {name: b"mine"}


def test_one_saves_at_a_time(tmp_path: Path) -> None:
    folder = save_review(tmp_path / "a", a_review())
    with (
        OwnerLock(folder / ".pmrnet-saving"),
        pytest.raises(DataError, match="is being saved there by another window"),
    ):
        save_review(folder, a_review())
    save_review(folder, a_review())


def test_a_full_disk_leaves_the_review_before(disk: Path) -> None:
    folder = save_review(disk / "a", a_review())
    before = files_of(folder)
    rng = np.random.default_rng(0)
    maps = {"certainty": rng.random((400, 400), np.float32)}
    found = np.zeros((400, 400), np.int32)
    large = SavedReview(found, found, maps, image="abc")
    with pytest.raises(DataError, match="Make room"):
        save_review(folder, large, replace=True)
    assert files_of(folder) == before


def numbered(number: int) -> SavedReview:
    """A review in which every part tells the same number."""
    found = np.ones((8, 8), np.int32)
    labels = np.full((8, 8), number, np.int32)
    maps = {"certainty": np.full((8, 8), number, np.float32)} if number % 3 else {}
    return SavedReview(labels, found, maps, {("nucleus", number): "accepted"}, "abc")


def number_of(folder: Path) -> int:
    """The number; fails if the parts are not of one review."""
    back = load_review(folder)
    numbers = {number for _, number in back.statuses} | {int(back.labels[0, 0])}
    numbers |= {int(image[0, 0]) for image in back.maps.values()}
    (number,) = numbers
    assert bool(back.maps) == bool(number % 3)
    return number


def forked(work: Callable[[], object]) -> int:
    """A process that does something and ends."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return child


forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")


@forks
def test_killed_before_any_step_it_is_the_old_review_or_the_new(tmp_path: Path) -> None:
    folder, steps = save_review(tmp_path / "a", numbered(1)), 0
    changing = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "open", "os.truncate"}

    def dies_at(step: int, number: int) -> None:
        left = [step]

        def count(event: str, args: tuple) -> None:
            if event in changing and str(folder) in str(args[0]):
                left[0] -= 1
                if not left[0]:
                    os._exit(9)

        sys.addaudithook(count)
        save_review(folder, numbered(number))

    seen = set()
    while True:
        steps += 1
        before = number_of(folder)
        child = forked(partial(dies_at, steps, before + 1))
        _, status = os.waitpid(child, 0)
        after = number_of(folder)
        seen.add(after - before)
        assert after in (before, before + 1)
        if os.waitstatus_to_exitcode(status) == 0:
            break
        if steps % 2:
            save_review(folder, numbered(after))
            assert number_of(folder) == after
    assert steps > 15 and seen == {0, 1}
    names = {path.name for path in folder.iterdir()}
    assert not [name for name in names if name.startswith(".")]


def saves(folder: Path, first: int) -> None:
    """Save one review after the other, for ever."""
    for number in range(first, 1_000_000):
        try:
            save_review(folder, numbered(number))
        except DataError as error:
            assert "is being saved" in str(error)


@forks
@pytest.mark.slow
def test_two_hundred_saves_killed(tmp_path: Path) -> None:
    chance = random.Random(0)
    folder = save_review(tmp_path / "a", numbered(1))
    for _ in range(200):
        number = number_of(folder)
        child = forked(partial(saves, folder, number))
        time.sleep(chance.uniform(0, 0.2))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert number_of(folder) >= number
    assert number_of(folder) > 200


@forks
@pytest.mark.slow
def test_two_processes_save_to_one_folder_while_it_is_read(tmp_path: Path) -> None:
    folder = save_review(tmp_path / "a", numbered(1))
    seen, until = set(), time.monotonic() + 20
    children = [forked(partial(saves, folder, n)) for n in (2, 500_000)]
    try:
        while time.monotonic() < until:
            seen.add(number_of(folder) >= 500_000)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert seen == {True, False}
    number_of(save_review(folder, numbered(5)))
