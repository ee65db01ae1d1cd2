"""A saved review is opened as it was."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.space import Space
from napari_pmrnet.proofreading.saved_review import (
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
    plain = SavedReview(a_review().found, a_review().found)
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
