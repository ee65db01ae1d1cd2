"""DDTI: processed pairs, and outlines in XML of which some are broken."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.research.check import check
from napari_pmrnet.research.published import split_table
from napari_pmrnet.research.readers.ddti import DDTI, read_outlines

FREEHAND = [{"points": [{"x": 1, "y": 2}, {"x": 5, "y": 2}, {"x": 5, "y": 6}]}]


def test_processed_pairs_are_grouped_by_case(tree, draw):
    reader = DDTI(tree("ddti"))
    groups = {i.image_id: i.group for i in reader.items}
    assert groups["3_1"] == groups["3_2"] == "case 3" and len(groups) == 20
    np.testing.assert_array_equal(reader.load(reader.items[0])[1], draw.mask(white=1))


def test_processed_names_of_one_number_are_their_own_groups(tmp_path, draw):
    for n in range(3):
        draw.write(tmp_path / "p_image" / f"{n}.PNG", draw.picture(str(n)))
        draw.write(tmp_path / "p_mask" / f"{n}.PNG", draw.mask())
    assert [i.group for i in DDTI(tmp_path).items] == ["0", "1", "2"]


def test_nodules_of_an_image_are_united(tree, draw):
    reader = DDTI(tree("ddti raw"))
    assert reader.problems == [] and len(reader.items) == 20
    both = draw.mask(at=1, white=1) | draw.mask(at=11, white=1)
    labels = {i.image_id: reader.load(i)[1] for i in reader.items[:4]}
    np.testing.assert_array_equal(labels["1_1"], both)
    np.testing.assert_array_equal(labels["1_2"], draw.mask(at=1, white=1))
    table = split_table(reader)
    assert table.loc["1_1", "group"] == table.loc["1_2", "group"]
    row = check(reader).by_subset().loc["all"]
    assert (row["images"], row["objects"], row["groups"]) == (20, 30, 10)


def test_broken_outlines_are_named_and_not_fatal(tree, draw):
    folder = tree("ddti raw")
    whole = json.dumps([{"points": draw.square(2)}])
    (folder / "1.xml").write_text(draw.case_xml({1: [whole, whole[:20]], 2: [whole]}))
    (folder / "2.xml").write_text(draw.case_xml({1: [""], 2: [whole], 7: [whole]}))
    (folder / "3.xml").write_text("<case><mark>")
    (folder / "4.xml").unlink()
    reader = DDTI(folder)
    ids = {i.image_id for i in reader.items}
    lost = {"1_1", "2_1", "3_1", "3_2", "4_1", "4_2"}
    assert lost.isdisjoint(ids) and len(ids) == 14
    said = "\n".join(reader.problems)
    assert "1.xml: the outline of image 1 is broken" in said
    assert "2_1.jpg: 2.xml marks no nodule in it" in said
    assert "2.xml: marks image 7, and there is no 2_7.jpg" in said
    assert "3.xml: cannot be read as XML" in said
    assert "4_1.jpg: there is no 4.xml" in said
    assert len(reader.problems) == 6


@pytest.mark.parametrize(
    "value",
    [
        FREEHAND,
        [[{"x": 1, "y": 2}, {"x": 5, "y": 2}, {"x": 5, "y": 6}]],
        [[[1, 2], [5, 2], [5, 6]]],
        [[["1", "2"], ["5", 2], [5.0, 6]]],
    ],
)
def test_ways_to_write_outlines(value):
    assert read_outlines(json.dumps(value)) == [[(1, 2), (5, 2), (5, 6)]]


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", "{}", "[[]]", "[[[1, 2]]]", "[[1, 2, 3]]", '[{"x": 1}]', "[null]"]
    + ['[[[1, 2], [3, 4], ["a", 5]]]', "[[[1, 2], [3, 4], [NaN, 5]]]", "7"]
    + ['[[{"x": 1}, {"x": 2}, {"x": 3}]]', "[[[1, 2, 3], [1, 2, 3], [1, 2, 3]]]"],
)
def test_what_is_no_outline(text):
    with pytest.raises(ValueError):
        read_outlines(text)


JSON = st.recursive(
    st.none() | st.floats() | st.text(max_size=3) | st.sampled_from(["x", "points"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["x", "y", "points"]), inner)
    ),
)


@given(st.text(max_size=30) | JSON.map(json.dumps))
def test_any_text_is_outlines_or_a_value_error(text):
    with suppress(ValueError):
        assert all(len(outline) >= 3 for outline in read_outlines(text))


@given(st.integers(0, len(json.dumps(FREEHAND)) - 1))
def test_text_cut_anywhere_is_broken(length):
    with pytest.raises(ValueError):
        read_outlines(json.dumps(FREEHAND)[:length])


def test_outlines_that_leave_the_image_are_cut(tree, draw):
    folder = tree("ddti raw")
    outline = [[-5, -5], [100, -5], [100, 4], [-5, 4]]
    (folder / "1.xml").write_text(draw.case_xml({1: [json.dumps([outline])]}))
    reader = DDTI(folder)
    labels = reader.load(reader.items[0])[1]
    assert labels[:4].all() and not labels[6:].any()
