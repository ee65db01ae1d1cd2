"""The scale of an image: given, estimated, or that of a look already taken."""

import numpy as np
import pytest

from napari_pmrnet import Settings, load_model, segment
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.models import Model
from napari_pmrnet.segmentation import diameter_estimate, scale
from napari_pmrnet.segmentation.diameter import LARGE, SMALL
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.scale import choose_scale, likely_tiles

from .conftest import looks


@pytest.mark.parametrize("side", [100, 700])
@pytest.mark.parametrize("diameter", [None, 40.0])
def test_tiles_that_are_made_ready_are_those_that_are_used(side, diameter) -> None:
    """Of an image whose nuclei have the size that the network works at."""

    class Told(Model):
        def begin(self, tiles, extra=False, size=None, flips=False):
            used.append((size, True))
            return super().begin(tiles, extra, size, flips)

        def predict_tiles(self, tiles, extra=False, size=None, flips=False):
            used.append((size, False))
            return super().predict_tiles(tiles, extra, size, flips)

    used: list[object] = []
    model = load_model("nuclei", "cpu")
    model = Told(model.name, model.card, model.weights, model.device)
    image, _ = make_fluorescence((side, side), seed=1)
    segment(image, Settings(diameter=diameter), model)
    ready = likely_tiles(model, (side, side), diameter)
    assert set(used) <= set(ready) and len(ready) <= len(set(used)) + 2


def test_a_look_at_nearly_the_scale_of_the_image_serves_for_it(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        scale,
        "estimate_diameter",
        lambda model, image, whole: iter_nothing(whole, 66.0),
    )
    planes = np.zeros((3, 64, 64), np.float32)
    assert run_to_end(choose_scale(sized, planes, None, {}))[:2] == (0.5, 66)
    assert run_to_end(choose_scale(sized, planes, None))[:2] == (LARGE / 66, 66)


def iter_nothing(whole: dict | None, diameter: float):
    """Steps of an estimate that saw the whole image at half its size."""
    yield from ()
    if whole is not None:
        whole[0.5] = whole[0.25] = "maps"
    return diameter, None


def test_a_model_that_knows_no_sizes_sees_images_as_they_are(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        diameter_estimate, "estimate_at", lambda *_: pytest.fail("looked")
    )
    planes = np.zeros((3, 60, 60), np.float32)
    assert run_to_end(choose_scale(model, planes, None))[:2] == (1, None)
    assert run_to_end(choose_scale(model, planes, 10.0))[:2] == (1, 10)


def test_a_given_diameter_needs_no_estimate(sized: Model, monkeypatch) -> None:
    monkeypatch.setattr(
        diameter_estimate, "estimate_at", lambda *_: pytest.fail("looked")
    )
    planes = np.zeros((3, 60, 60), np.float32)
    assert run_to_end(choose_scale(sized, planes, 10.0))[:2] == (SMALL / 10, 10)


def test_a_look_that_disagrees_is_told_of(
    sized: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {0.25: (0.2, 80.0), 0.5: (0.25, 50.0), 1.0: (0.35, 16.0)}
    looks(monkeypatch, told)
    planes = np.zeros((3, 600, 600), np.float32)
    chosen = run_to_end(choose_scale(sized, planes, None))
    assert (chosen.diameter, chosen.other) == (16, 50)
    assert "could be 50" in " ".join(chosen.notes())
    told[0.5] = told[0.25] = (0.14, 80.0)
    chosen = run_to_end(choose_scale(sized, planes, None))
    assert chosen.other is None and not chosen.notes()


def test_the_scale_is_told(sized: Model) -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 130)).astype(np.uint8)
    result = segment(image, Settings(diameter=10), sized)
    assert result.scale == 2 and result.diameter == 10
    assert result.labels.shape == image.shape
    with pytest.raises(ValueError, match="diameter"):
        result.relabel(Settings(diameter=11))
