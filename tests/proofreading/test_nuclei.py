"""The table of nuclei: brought up to date in parts, it equals one made anew."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import EditError
from napari_pmrnet.proofreading.boxes import everywhere
from napari_pmrnet.proofreading.edits import delete, merge, split
from napari_pmrnet.proofreading.nuclei import Nuclei
from napari_pmrnet.segmentation.objects import FEATURES, ImageContext, describe_objects


def grid_of_squares() -> np.ndarray:
    """Sixteen squares of 9 pixels, numbered with gaps, the first cut by the border."""
    labels = np.zeros((60, 60), np.int32)
    for index in range(16):
        y, x = 15 * (index // 4), 15 * (index % 4)
        labels[y : y + 9, x : x + 9] = 3 * index + 2
    return labels


def random_maps(shape: tuple[int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ("certainty", "probability", "boundary")
    return {name: rng.random(shape, np.float32) for name in names}


@pytest.fixture
def nuclei() -> Nuclei:
    labels = grid_of_squares()
    image = np.arange(labels.size, dtype=float).reshape(labels.shape)
    return Nuclei(labels, labels.copy(), random_maps(labels.shape), image=image)


def change(nuclei: Nuclei, edit) -> set[int]:
    before = nuclei.labels[edit.box].copy()
    nuclei.labels[edit.ys, edit.xs] = edit.values
    return nuclei.update(edit.box, before)


def assert_as_made_anew(nuclei: Nuclei) -> None:
    fresh = Nuclei(nuclei.labels, nuclei.original, nuclei.maps, image=nuclei.image)
    pd.testing.assert_frame_equal(nuclei.table, fresh.table, check_dtype=False)


def test_what_a_row_says(nuclei: Nuclei) -> None:
    row = nuclei.table.loc[5]
    assert row["area"] == 81 and bool(row["at_border"]) and not row["edited"]
    assert row["centroid_x"] == 19 and nuclei.box(5) == (slice(0, 9), slice(15, 24))
    assert row["intensity"] == nuclei.image[:9, 15:24].mean()
    assert row["certainty"] == pytest.approx(
        nuclei.maps["certainty"][:9, 15:24].mean(), rel=1e-5
    )
    assert not nuclei.table.loc[17, "at_border"]
    assert nuclei.next_label() == 48


def test_pixels_that_are_no_numbers_do_not_count_for_intensities(nuclei) -> None:
    labels, image = nuclei.labels, nuclei.image.astype(float)
    image[0, 15], image[1, 16] = np.nan, np.inf
    image[labels == 17] = np.nan
    table = Nuclei(labels, labels.copy(), image=image).table
    inside = image[labels == 5]
    mean = inside[np.isfinite(inside)].mean()
    assert table.loc[5, "intensity"] == pytest.approx(mean)
    assert np.isnan(table.loc[17, "intensity"])


def test_edits_mark_and_undoing_unmarks(nuclei: Nuclei) -> None:
    before = nuclei.labels.copy()
    edit = split(nuclei.labels, 17, [(15, 15), (23, 23)])
    assert change(nuclei, edit) == {17, 48}
    assert nuclei.table.loc[[17, 48], "edited"].all()
    assert nuclei.table["edited"].sum() == 2
    assert_as_made_anew(nuclei)
    change(nuclei, merge(nuclei.labels, 17, [48]))
    assert (nuclei.labels == before).all() and not nuclei.table["edited"].any()
    assert change(nuclei, delete(nuclei.labels, [17])) == {17}
    assert len(nuclei.table) == 15
    with pytest.raises(EditError, match="no nucleus 17"):
        nuclei.box(17)


def test_half_a_nucleus_is_edited_however_often_it_is_measured(nuclei: Nuclei) -> None:
    for right in (24, 21, 18):
        ys, xs = np.nonzero(nuclei.labels[15:24, right - 2 : right] == 17)
        box = slice(15, 24), slice(right - 2, right)
        before = nuclei.labels[box].copy()
        nuclei.labels[box] = 0
        nuclei.update(box, before)
        assert nuclei.table.loc[17, "edited"] and len(ys)
    assert_as_made_anew(nuclei)


def test_labels_made_elsewhere_have_no_certainty() -> None:
    nuclei = Nuclei(grid_of_squares(), grid_of_squares())
    assert nuclei.table[["certainty", "intensity"]].isna().all(axis=None)
    change(nuclei, merge(nuclei.labels, 2, [5]))
    assert nuclei.table["certainty"].isna().all() and nuclei.table.loc[2, "area"] == 162


def test_no_nuclei_at_all() -> None:
    nothing = np.zeros((8, 8), np.uint16)
    nuclei = Nuclei(nothing, nothing.copy())
    assert nuclei.table.empty and nuclei.next_label() == 1
    nuclei.labels[2:4, 2:4] = 7
    box = slice(1, 5), slice(1, 5)
    assert nuclei.update(box, np.zeros((4, 4), np.uint16)) == {7}
    assert nuclei.table.loc[7, "area"] == 4 and nuclei.table.loc[7, "edited"]


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(EditError, match=r"boundary \(4, 4\)"):
        Nuclei(*np.zeros((2, 8, 8), int), maps={"boundary": np.zeros((4, 4))})


def test_a_part_told_of_the_whole_has_the_same_certainty() -> None:
    labels = np.zeros((60, 60), np.int32)
    labels[:9, 20:32], labels[30:44, 30:39], labels[20:29, 2:8] = 1, 2, 3
    maps, rng = random_maps(labels.shape), np.random.default_rng(1)
    flows = rng.normal(size=(2, 60, 60)).astype(np.float32)
    weights = dict(zip(FEATURES, rng.normal(0, 0.3, len(FEATURES)), strict=True))
    weights["intercept"] = 0.1
    table = describe_objects(labels, maps, flows, weights).set_index("label")
    part = slice(0, 12), slice(15, 40)
    log_area = np.log(table["area"]).median()
    mean_certainty = maps["certainty"][labels > 0].mean()
    row = describe_objects(
        labels[part],
        {name: m[part] for name, m in maps.items()},
        flows[:, *part],
        weights,
        ImageContext((0, 15), labels.shape, log_area, mean_certainty),
    ).iloc[0]
    assert row["certainty"] == pytest.approx(table.loc[1, "certainty"], rel=1e-5)


def fitted_nuclei() -> Nuclei:
    """Nuclei of different sizes, whose certainty depends on the others of the image."""
    labels, rng = grid_of_squares(), np.random.default_rng(1)
    labels[30:50, 30:50] = 90
    flows = rng.normal(size=(2, 60, 60)).astype(np.float32)
    weights = dict(zip(FEATURES, rng.normal(0, 0.3, len(FEATURES)), strict=True))
    maps = random_maps(labels.shape)
    return Nuclei(labels, labels.copy(), maps, flows, {**weights, "intercept": 0.1})


@given(st.lists(st.sampled_from(["delete", "merge", "split"]), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_undo_brings_back_the_certainty_to_the_last_bit(names: list[str]) -> None:
    nuclei, past, rng = fitted_nuclei(), [], np.random.default_rng(2)
    for name in names:
        past.append((nuclei.labels.copy(), nuclei.table.copy()))
        one, other = rng.choice(
            nuclei.table.index.to_numpy(), 2, replace=False
        ).tolist()
        top, left, bottom, right = nuclei.table.loc[
            one, ["top", "left", "bottom", "right"]
        ]
        clicks = [(top, left), (bottom - 1, right - 1)]
        edits = {
            "delete": lambda one=one: delete(nuclei.labels, [one]),
            "merge": lambda one=one, other=other: merge(nuclei.labels, one, [other]),
            "split": lambda one=one, at=clicks: split(nuclei.labels, one, at),
        }
        change(nuclei, edits[name]())
    for labels, table in reversed(past):
        before = nuclei.labels.copy()
        nuclei.labels[:] = labels
        nuclei.update(everywhere(labels), before)
        pd.testing.assert_frame_equal(nuclei.table, table, check_exact=True)


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_any_painting_leaves_the_table_as_made_anew(data: st.DataObject) -> None:
    labels = grid_of_squares()
    maps = {"certainty": random_maps(labels.shape)["certainty"]}
    nuclei = Nuclei(labels, labels.copy(), maps)
    for _ in range(data.draw(st.integers(1, 4))):
        y, x = data.draw(st.integers(0, 55)), data.draw(st.integers(0, 55))
        h, w = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 30))
        box = slice(y, min(60, y + h)), slice(x, min(60, x + w))
        before = labels[box].copy()
        labels[box] = data.draw(st.sampled_from([0, 2, 17, 90]))
        nuclei.update(box, before)
        assert_as_made_anew(nuclei)
