"""Changed images keep their nuclei where the truth says."""

from types import SimpleNamespace

import numpy as np
import pytest
from lib.robustness import CHANGES, robustness

from napari_pmrnet.errors import ImageError


@pytest.fixture(params=[2, 3], ids=["grey", "colour"])
def case(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray]:
    """Two bright squares on a dark ground, away from each other."""
    labels = np.zeros((90, 120), np.uint16)
    labels[10:40, 20:50], labels[50:80, 70:110] = 3, 9
    image = np.where(labels > 0, 200, 20).astype(np.uint8)
    return (image if request.param == 2 else np.dstack([image] * 3)), labels


@pytest.mark.parametrize("name", CHANGES)
def test_nuclei_stay_under_their_labels(name: str, case) -> None:
    image, labels = CHANGES[name](*case, np.random.default_rng(0))
    assert image.shape[:2] == labels.shape and image.ndim == case[0].ndim
    assert set(np.unique(labels)) <= {0, 3, 9} and labels.any()
    grey = image if image.ndim == 2 else image[..., 1]
    bright, dark = grey[labels > 0].mean(), grey[labels == 0].mean()
    assert bright < dark / 2 if name == "inverted" else bright > 2 * dark


def test_changes_do_what_they_say(case) -> None:
    image, labels = case
    rng = np.random.default_rng(0)
    assert CHANGES["x 0.5"](image, labels, rng)[1].shape == (45, 60)
    assert CHANGES["x 3"](image, labels, rng)[0].shape[:2] == (270, 360)
    assert CHANGES["16 bit"](image, labels, rng)[0].max() == 200 * 16 + 1000
    corner = CHANGES["vignetted"](image, labels, rng)[0][0, 0]
    np.testing.assert_allclose(corner, 20 * 0.4)
    assert CHANGES["cropped to 64"](image, labels, rng)[0].shape[:2] == (64, 64)
    assert CHANGES["noisy, peak 30"](image, labels, rng)[0].max() < 70


def test_points_lost_are_counted_from_the_first_row(monkeypatch) -> None:
    truth = np.zeros((8, 8), np.int32)
    truth[2:5, 2:5] = 1

    def found(image: np.ndarray, *_: object) -> SimpleNamespace:
        if image.max() == 0:
            raise ImageError("constant")
        return SimpleNamespace(labels=(image > 1).astype(np.int32))

    monkeypatch.setattr("lib.robustness.segment", found)
    changes = {
        "kept": lambda image, labels, _: (image, labels),
        "gone": lambda image, labels, _: (image * 0, labels),
    }
    cases, told = [(truth * 5, truth), (truth * 0, truth * 0)], []
    table = robustness(None, cases, None, changes, lambda *row: told.append(row))
    assert told[0] == ("kept", 1, 1) and told[1][0] == "gone"
    assert table.loc["kept", "per image"] == 1 and table.loc["kept", "lost"] == 0
    assert table.loc["gone", "per image"] == 0.5 and table.loc["gone", "lost"] == 50
