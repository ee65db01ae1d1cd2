"""Large images: whole nuclei, once, whatever the blocks, chunks and interruptions."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet import Settings, segment
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.label_zarr import open_label_zarr
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.segmentation import blocks
from napari_pmrnet.segmentation.label_store import LabelStore
from napari_pmrnet.segmentation.large_plane import label_large_plane
from napari_pmrnet.segmentation.objects import FEATURES
from napari_pmrnet.segmentation.plane import Plane
from napari_pmrnet.segmentation.predict import grid_for, run_to_end

from .conftest import (
    PLAIN,
    Reader,
    discs,
    drawn,
    labelled,
    labelling,
    result_of,
    run,
    same_partition,
)


@settings(max_examples=12, deadline=None)
@given(
    height=st.integers(65, 300),
    width=st.integers(65, 300),
    block=st.integers(48, 200),
    seed=st.integers(0, 1000),
)
def test_every_nucleus_is_whole_and_there_once(
    height: int, width: int, block: int, seed: int, tmp_path_factory: Any
) -> None:
    truth = discs((height, width), seed, (4, 14))
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MARGIN", 32)
        found = run(drawn(truth), folder, Reader(), block=block)
    assert same_partition(found, truth)
    assert sorted(np.unique(found)) == list(range(truth.max() + 1))


@pytest.mark.parametrize("block", [60, 110])
def test_a_nucleus_larger_than_the_margin_comes_out_once(
    block: int, tmp_path: Path, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "MARGIN", 10)
    y, x = np.indices((200, 260))
    truth = ((y - 102) ** 2 + (x - 131) ** 2 < 40**2).astype(np.int32)
    result = result_of(drawn(truth), tmp_path, reader, block=block)
    labels = open_label_zarr(result.labels, "r")[...]
    areas = np.bincount(labels.ravel())[1:]
    assert len(areas) == len(result.objects) == 1
    assert result.objects["area"].tolist() == areas.tolist()


def test_intensity_limits_that_were_chosen_hold(
    tmp_path: Path, reader: Reader, narrow: None
) -> None:
    truth = discs((120, 140), 3, (5, 12))
    labels = np.zeros(truth.shape, np.int32)
    chosen = replace(PLAIN, limits="0:127")
    plane = Plane([drawn(truth) // 2])
    steps = label_large_plane(plane, labels, tmp_path / "blocks", {}, chosen, reader)
    assert run_to_end(steps).stats.limits == (0, 127)
    assert same_partition(labels, truth)


@pytest.mark.parametrize("chunks", [(37, 50), (300, 300), (1, 300)])
def test_chunks_of_the_image_change_nothing(
    chunks: tuple[int, int], tmp_path: Path, reader: Reader, narrow: None
) -> None:
    image = drawn(discs((200, 240), 5, (4, 14)))
    (tmp_path / "lazy").mkdir()
    lazy = da.from_array(image, chunks=(*chunks, 3))
    np.testing.assert_array_equal(
        run(lazy, tmp_path / "lazy", Reader(), block=90),
        run(image, tmp_path, reader, block=90),
    )


class Watched:
    """An array that may not be read whole; remembers the most that was read."""

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.most = data, 0
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise AssertionError("read whole")

    def __getitem__(self, where: Any) -> np.ndarray:
        part = self.data[where]
        if where[0].start is not None:  # not the overview, thinned out
            self.most = max(self.most, part.size)
        return part


def test_no_more_is_read_than_a_block_and_what_surrounds_it(
    tmp_path: Path, reader: Reader, narrow: None
) -> None:
    watched = Watched(drawn(discs((600, 700), 5, (4, 14))))
    run(watched, tmp_path, reader, block=64)
    assert 0 < watched.most <= 3 * (64 + 2 * 32 + 2 * 64) ** 2


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, narrow: None) -> None:
    truth = discs((260, 300), 1, (4, 14))
    (tmp_path / "other").mkdir()
    first, second, alone = Reader(), Reader(), Reader()
    plane = Plane([drawn(truth)])
    plane.limits = 0.0, 255.0
    output = tmp_path / "out.zarr"
    steps = labelling(plane, output, PLAIN, first, block=80)
    list(islice(steps, 20))
    steps.close()
    assert not output.exists()
    found = run(plane, tmp_path, second, block=80)
    undisturbed = run(drawn(truth), tmp_path / "other", alone, block=80)
    np.testing.assert_array_equal(found, undisturbed)
    assert 0 < second.tiles < alone.tiles
    assert {path.name for path in tmp_path.iterdir()} == {
        "other",
        "out.zarr",
        "out.csv",
    }


def test_windows_are_predicted_once(tmp_path: Path, reader: Reader) -> None:
    image = drawn(discs((300, 300), 1, (4, 14)))
    image[::9, ::9, 0] ^= 64  # so that no tile is empty
    run(image, tmp_path, reader, block=80)
    _, grid = grid_for(reader, (300, 300), 1.0)
    assert reader.tiles == len(grid.boxes())


def test_parts_of_other_settings_are_not_used(tmp_path: Path, narrow: None) -> None:
    image = drawn(discs((260, 300), 1, (4, 14)))
    plane = Plane([image])
    plane.limits = 0.0, 255.0
    steps = labelling(plane, tmp_path / "out.zarr", PLAIN, Reader(), block=80)
    list(islice(steps, 20))
    steps.close()
    whole = Settings(**{**PLAIN.as_dict(), "exclude_border": True})
    labels = run(plane, tmp_path, Reader(), wanted=whole, block=80)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    assert labels.any() and not rim.any()


def test_parts_of_another_image_of_the_same_name_are_not_used(
    tmp_path: Path, narrow: None
) -> None:
    """Pictures of 8 bits often have the same limits, and a diameter may be given."""
    for seed in (1, 2):
        truth = discs((260, 300), seed, (4, 14))
        plane = Plane([drawn(truth)], name="slide")
        plane.limits = 0.0, 255.0
        store = LabelStore(tmp_path / "out.zarr", block=80, overwrite=True)
        with store:
            store.create(plane.shape, Provenance(fingerprint=f"seed {seed}"))
            steps = store.label(plane, (), PLAIN, Reader())
            if seed == 1:
                list(islice(steps, 20))
                steps.close()
            else:
                store.finish(run_to_end(steps).objects)
    labels = open_label_zarr(tmp_path / "out.zarr", "r")[...]
    assert same_partition(labels, truth)


def test_a_damaged_part_is_made_anew(tmp_path: Path, narrow: None) -> None:
    truth = discs((260, 300), 1, (4, 14))
    plane = Plane([drawn(truth)])
    plane.limits = 0.0, 255.0
    steps = labelling(plane, tmp_path / "out.zarr", PLAIN, Reader(), block=80)
    list(islice(steps, 20))
    steps.close()
    part = next((tmp_path / ".out.zarr.parts").rglob("block-*.npz"))
    part.write_bytes(part.read_bytes()[:50])
    with pytest.raises(DataError, match="damaged"):
        run(plane, tmp_path, Reader(), block=80)
    assert same_partition(run(plane, tmp_path, Reader(), block=80), truth)


def test_pixels_that_are_no_numbers_are_background(
    tmp_path: Path, reader: Reader
) -> None:
    image = drawn(discs((200, 240), 1, (4, 14))).astype(np.float32)
    image[100:160, 150:210] = np.nan
    labelled(
        Plane([image], name="slide 7"), tmp_path / "out.zarr", PLAIN, reader, block=80
    )
    labels = open_label_zarr(tmp_path / "out.zarr", "r")[...]
    assert labels.any() and not labels[100:160, 150:210].any()


@pytest.mark.slow
def test_shipped_weights_give_what_the_image_in_memory_gives(tmp_path: Path) -> None:
    from napari_pmrnet import load_model

    model = load_model()
    image, _ = make_fluorescence((400, 480), seed=3)
    chosen = Settings.for_card(model.card, diameter=24.0)
    whole = segment(image, chosen, model)
    stored = zarr.create_array(tmp_path / "image.zarr", data=image, chunks=(100, 100))
    result = labelled(Plane([stored]), tmp_path / "out.zarr", chosen, model, block=160)
    labels = open_label_zarr(result.labels, "r")[...]
    assert whole.labels.max() > 10
    assert same_partition(labels, whole.labels)
    order = ["centroid_y", "centroid_x"]
    tables = (
        t.sort_values(order)[["certainty", "area"]]
        for t in (whole.objects, result.objects)
    )
    np.testing.assert_allclose(*tables, atol=1e-4)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000),
    block=st.integers(48, 200),
    share=st.floats(0, 1),
    stopped=st.booleans(),
)
def test_uncertain_nuclei_are_dropped_as_in_memory(
    seed: int, block: int, share: float, stopped: bool, tmp_path_factory: Any
) -> None:
    image = drawn(discs((180, 230), seed, (4, 14)))
    reader, slopes = Reader(), dict.fromkeys(FEATURES, 0.0)
    slopes |= {"relative_size": 2.0, "log_elongation": 5.0}
    reader.card = reader.card.updated(object_certainty={"intercept": 0.1, **slopes})
    plane = Plane([image])
    plane.limits = 0.0, 255.0
    every = segment(plane, replace(PLAIN, least_certainty=0), reader)
    least = np.quantile(every.objects["certainty"], 0.95 * share, method="midpoint")
    chosen = replace(PLAIN, least_certainty=min(0.95, float(least) + 1e-5))
    expected = segment(plane, chosen, reader)
    folder = tmp_path_factory.mktemp("large")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "MARGIN", 32)
        if stopped:
            # What was begun to drop fewer goes on: blocks do not depend on it.
            every_steps = labelling(
                plane, folder / "out.zarr", PLAIN, Reader(), block=block
            )
            list(islice(every_steps, 3))
            every_steps.close()
        result = labelled(plane, folder / "out.zarr", chosen, reader, block=block)
    labels = open_label_zarr(result.labels, "r")[...]
    assert same_partition(labels, expected.labels)
    assert result.objects["label"].tolist() == list(range(1, labels.max() + 1))
    np.testing.assert_allclose(
        np.sort(result.objects["certainty"]),
        np.sort(expected.objects["certainty"]),
        atol=1e-5,
    )
    np.testing.assert_array_equal(
        result.objects["area"], np.bincount(labels.ravel())[1:]
    )
