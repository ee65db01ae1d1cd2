"""OpenVINO gives the maps of PyTorch, keeps what it compiled, and mixes nothing."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_pmrnet.models import load_model
from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.backends.conversion import folder_for
from napari_pmrnet.models.model import Model

needs_openvino = pytest.mark.skipif(
    not has_openvino(), reason="the extra openvino is not installed"
)


@pytest.fixture(scope="module")
def by_torch(weights: Path) -> Model:
    return load_model(weights, "cpu", "pytorch")


@pytest.fixture(scope="module")
def by_openvino(weights: Path) -> Model:
    return load_model(weights, "cpu", "openvino")


def tiles(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 3, height, width), np.float32)


@needs_openvino
@pytest.mark.parametrize("shape", [(2, 64, 64), (1, 96, 40)])
def test_openvino_gives_every_map_that_pytorch_gives(
    by_torch: Model, by_openvino: Model, shape: tuple[int, int, int]
) -> None:
    expected = by_torch.predict_tiles(tiles(*shape), extra=True)
    actual = by_openvino.predict_tiles(tiles(*shape), extra=True)
    assert by_openvino.runs_on == "cpu with OpenVINO"
    np.testing.assert_allclose(actual, expected, atol=1e-4, rtol=0)


@needs_openvino
def test_threads_do_not_mix_their_windows(by_openvino: Model) -> None:
    many = [tiles(1, 64, 64, seed) for seed in range(12)]
    expected = [by_openvino.predict_tiles(w) for w in many]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(
            pool.map(by_openvino.predict_tiles, many), expected, strict=True
        ):
            np.testing.assert_array_equal(one, other)


@needs_openvino
def test_tiles_beside_each_other_are_as_tiles_alone(by_openvino: Model) -> None:
    assert by_openvino.at_once == min(2, torch.get_num_threads())
    many = [tiles(1, 64, 96, seed) for seed in range(5)]
    options = {"extra": True, "size": (96, 128), "flips": True}
    begun = [by_openvino.begin(one, **options) for one in many]
    for one, answer in zip(many, begun, strict=True):
        alone = by_openvino.predict_tiles(one, **options)
        np.testing.assert_array_equal(answer(), alone)


@needs_openvino
def test_sizes_that_were_let_go_serve_again(
    by_openvino: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_pmrnet.models.backends import openvino

    monkeypatch.setattr(openvino, "MOST_PIXELS", 64 * 64)
    monkeypatch.setattr(openvino, "MOST_SHAPES", 2)
    sizes = [tiles(1, side, 64) for side in (64, 96, 32, 64, 32, 64)]
    first = [by_openvino.predict_tiles(one) for one in sizes]
    assert len(by_openvino.backend._compiled) == 2
    begun = [by_openvino.begin(one) for one in sizes]
    for one, answer in zip(first, begun, strict=True):
        np.testing.assert_array_equal(answer(), one)


@needs_openvino
def test_a_result_stays_when_the_next_one_is_made(by_openvino: Model) -> None:
    first = by_openvino.predict_tiles(tiles(1, 64, 64))
    kept = first.copy()
    by_openvino.predict_tiles(tiles(1, 64, 64, seed=1))
    np.testing.assert_array_equal(first, kept)


@needs_openvino
def test_what_is_compiled_is_kept_and_not_believed_when_it_is_damaged(
    weights: Path, by_openvino: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_pmrnet.models.backends import openvino

    tile = tiles(1, 32, 160)
    expected = by_openvino.predict_tiles(tile)
    folder = folder_for(by_openvino.card.sha256, 3)
    (path,) = folder.glob("32-160-1-*.compiled")
    compiled, compile_ = [], openvino.OpenVINOBackend._compile
    monkeypatch.setattr(
        openvino.OpenVINOBackend,
        "_compile",
        lambda *args: compiled.append(args) or compile_(*args),
    )
    whole = path.read_bytes()
    for content, times in ((whole, 0), (whole[:-9], 1), (b"x" * 64 + whole[64:], 1)):
        path.write_bytes(content)
        again = load_model(weights, "cpu", "openvino").predict_tiles(tile)
        assert len(compiled) == times
        compiled.clear()
        np.testing.assert_array_equal(again, expected)
    monkeypatch.setattr(openvino, "MOST_FILES", 1)
    by_openvino.backend._compiled.clear()
    by_openvino.predict_tiles(tiles(1, 160, 32))
    assert [p.name[:9] for p in folder.glob("*.compiled")] == ["160-32-1-"]


@needs_openvino
@pytest.mark.parametrize("given", [b"compiled", BytesIO(b"compiled")])
def test_what_versions_export_is_kept_alike(given: object) -> None:
    from napari_pmrnet.models.backends.openvino import _exported

    compiled = SimpleNamespace(export_model=lambda: given)
    assert _exported(compiled) == b"compiled"
