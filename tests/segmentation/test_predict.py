"""Tiles through a network that reads its maps off the image."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.models import Model
from napari_pmrnet.segmentation.predict import (
    Progress,
    grid_for,
    predict,
    run_to_end,
    take_flows,
)
from napari_pmrnet.segmentation.tiles import TileStore, touch

from .conftest import Reader


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).random((3, 150, 110), np.float32)


def test_every_pixel_comes_back_where_it_was(reader: Reader, image) -> None:
    steps = list(predict(reader, image))
    assert all(isinstance(step, Progress) for step in steps)
    dones = [step.done for step in steps]
    assert dones == sorted(dones) and dones[-1] == steps[-1].total == reader.tiles
    found = run_to_end(predict(reader, image))
    assert found.device == "cpu" and found.notes == ()
    np.testing.assert_allclose(found.maps["probability"], image[0], atol=1e-5)
    np.testing.assert_allclose(found.maps["flow_y"], 2 * image[1] - 1, atol=1e-5)


def test_a_part_is_that_of_the_whole(reader: Reader, image) -> None:
    whole = run_to_end(predict(reader, image)).maps["probability"]
    for box in ((slice(0, 20), slice(0, 20)), (slice(70, 150), slice(33, 90))):
        part = run_to_end(predict(reader, image, box)).maps["probability"]
        np.testing.assert_array_equal(part, whole[box])


def test_tiles_that_are_kept_are_not_predicted_again(reader: Reader, image) -> None:
    store = TileStore()
    store.keep_for((slice(0, 150), slice(0, 110)))
    expected = run_to_end(predict(reader, image, store=store)).maps
    before = reader.tiles
    again = run_to_end(predict(reader, image, store=store)).maps
    assert reader.tiles == before
    np.testing.assert_array_equal(again["probability"], expected["probability"])


def test_the_network_does_not_run_where_there_is_nothing(reader: Reader) -> None:
    image = np.full((3, 1500, 1500), 0.05, np.float32)
    image += np.random.default_rng(0).random(image.shape, np.float32) / 50
    image[:, 700:720, 20:40] += 0.1
    maps = run_to_end(predict(reader, image)).maps["probability"]
    _, grid = grid_for(reader, (1500, 1500), 1.0)
    holding = [
        box for box in grid.boxes() if touch(box, (slice(700, 720), slice(20, 40)))
    ]
    assert 0 < reader.tiles == len(holding) < len(grid.boxes())
    np.testing.assert_allclose(
        maps[700:720, 20:40], image[0, 700:720, 20:40], atol=1e-5
    )
    assert not maps[:, 1200:].any()


class Beside(Reader):
    """Has two tiles under way at once; answers are made when they are waited for."""

    batch_size, at_once = 1, 2

    def __init__(self) -> None:
        super().__init__()
        self.under_way: list[int] = []

    def begin(self, tiles, *how):
        self.under_way.append(len(tiles))
        answer = self.predict_tiles(tiles, *how)

        def maps():
            self.under_way.pop()
            return answer

        return maps


def test_tiles_under_way_at_once_give_what_one_by_one_give(
    reader: Reader, image
) -> None:
    expected = run_to_end(predict(reader, image)).maps
    model, most = Beside(), 0
    steps = predict(model, image)
    for step in steps:
        most = max(most, len(model.under_way))
        if step.done == step.total:
            break
    assert most == 2 and step.done == reader.tiles
    found = run_to_end(predict(model, image)).maps
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_one_tile_has_the_processor_to_itself(image) -> None:
    model = Beside()
    model.begin = None
    found = run_to_end(predict(model, image[:, :20, :20]))
    assert model.tiles == 1
    np.testing.assert_allclose(found.maps["probability"], image[0, :20, :20], atol=1e-5)


class Small(Reader):
    """A device whose memory holds a few tiles at most."""

    batch_size = 8

    def __init__(self, room: int, kind: str = "cuda", said: str = "out of memory"):
        super().__init__()
        self.room, self.said = room, said
        self.device = SimpleNamespace(type=kind)
        self.batches: list[int] = []

    def predict_tiles(self, tiles, extra, size, flips):
        self.batches.append(len(tiles))
        if len(tiles) > self.room:
            raise RuntimeError(f"CUDA error: {self.said}")
        return super().predict_tiles(tiles, extra, size, flips)

    def to(self, device: str) -> Reader:
        assert device == "cpu"
        return Reader()


def test_a_full_device_takes_fewer_tiles_and_says_so(image) -> None:
    model = Small(room=1)
    found = run_to_end(predict(model, image))
    refused = [n for n in model.batches if n > 1]
    assert refused and set(model.batches[len(refused) :]) == {1}
    assert len(found.notes) == len(refused)
    assert "going on with" in found.notes[-1] and "tiles at once" in found.notes[-1]
    np.testing.assert_allclose(found.maps["probability"], image[0], atol=1e-5)


def test_a_device_too_small_for_a_tile_gives_way_to_the_cpu(image) -> None:
    found = run_to_end(predict(Small(room=0), image))
    assert "going on with the CPU" in found.notes[-1]
    np.testing.assert_allclose(found.maps["probability"], image[0], atol=1e-5)


def test_a_device_that_is_gone_gives_way_to_the_cpu_once(image) -> None:
    model = Small(0, said="the GPU is lost")
    found = run_to_end(predict(model, image))
    assert len(model.batches) == 1
    assert len(found.notes) == 1 and "is gone: going on with the CPU" in found.notes[0]
    np.testing.assert_allclose(found.maps["probability"], image[0], atol=1e-5)


@pytest.mark.parametrize(
    "model", [Small(0, said="illegal access"), Small(0, kind="cpu")], ids=["gpu", "cpu"]
)
def test_other_errors_and_a_full_cpu_are_raised(model: Small, image) -> None:
    with pytest.raises(RuntimeError, match=model.said):
        run_to_end(predict(model, image))


def test_flows_are_taken_out_of_the_maps() -> None:
    maps = {n: np.full((2, 3), k) for k, n in enumerate(("p", "flow_y", "flow_x"))}
    flows = take_flows(maps)
    assert list(maps) == ["p"] and flows.shape == (2, 2, 3)
    assert (flows[0] == 1).all() and (flows[1] == 2).all()
    assert take_flows(maps) is None


def test_what_a_generator_returns() -> None:
    def steps():
        yield 1
        return "end"

    assert run_to_end(steps()) == "end"


@given(st.floats(0.3, 3), st.floats(30, 60), st.floats(40, 90))
@settings(deadline=None, max_examples=25)
def test_maps_at_another_scale_stay_in_place(
    echo: Model, scale: float, y: float, x: float
) -> None:
    rows, columns = np.mgrid[:100, :130]
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * 8**2))
    planes = np.broadcast_to(blob, (3, *blob.shape)).astype(np.float32)
    maps = run_to_end(predict(echo, planes, scale=scale)).maps
    seen = maps["probability"]
    assert seen.shape == blob.shape
    weight = np.where(seen > 0.2, seen, 0)
    centre = [(axis * weight).sum() / weight.sum() for axis in (rows, columns)]
    np.testing.assert_allclose(centre, [y, x], atol=0.1)
    np.testing.assert_allclose(seen, blob, atol=0.1)


def test_no_scale_changes_nothing(echo: Model) -> None:
    plane = np.random.default_rng(0).random((90, 130), np.float32)
    maps = run_to_end(predict(echo, np.stack([plane] * 3))).maps
    np.testing.assert_allclose(maps["probability"], plane, atol=1e-3)
