"""Two classes of nuclei by a threshold."""

import numpy as np
import pandas as pd
import pytest

from napari_pmrnet.proofreading.classes import (
    Classes,
    is_class_head,
    proposed_threshold,
    without_classes,
)

TABLE = pd.DataFrame(
    {"area": [10.0, 20.0, 30.0], "intensity GFP": [1.0, np.nan, 5.0]}, index=[2, 3, 7]
)


def test_a_nucleus_at_the_threshold_is_in_the_upper_class() -> None:
    assert Classes("area", 20.0).of(TABLE).tolist() == [
        "negative",
        "positive",
        "positive",
    ]


def test_a_measurement_that_is_missing_makes_no_class() -> None:
    classes = Classes("intensity GFP", 2.0, "GFP+", "GFP-")
    of = classes.of(TABLE)
    assert of.to_dict() == {2: "GFP-", 3: "", 7: "GFP+"}
    assert classes.counted(of) == "1 GFP+ (50 %), 1 GFP- (50 %), 1 unknown"
    assert classes.counted(of[:0]) == ""


def test_the_head_says_how_classes_were_made_and_there_is_one() -> None:
    first = Classes("area", 20.0).added_to(TABLE, "um")
    assert list(first)[-1] == "class (area [um^2] >= 20)"
    second = Classes("intensity GFP", 0.125).added_to(first, "um")
    assert list(second) == [*TABLE, "class (intensity GFP >= 0.125)"]
    pd.testing.assert_frame_equal(without_classes(second), TABLE)
    gone = Classes("intensity RFP", 1.0).added_to(first)
    pd.testing.assert_frame_equal(gone, TABLE)
    assert not any(map(is_class_head, ("class", "class (mine)", *TABLE)))


@pytest.mark.parametrize(
    ("text", "classes"),
    [
        ("GFP+/GFP-:intensity GFP>=120", ("intensity GFP", 120, "GFP+", "GFP-")),
        (" large : area [um^2] >= 1e2 ", ("area [um^2]", 100, "large", "not large")),
        ("a:ratio a/b: c>=-0.5", ("ratio a/b: c", -0.5, "a", "not a")),
    ],
)
def test_classes_are_read_from_text(text, classes) -> None:
    assert Classes.parse(text) == Classes(*classes)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a:area", "a:area>5", "a:>=5", ":area>=5", "a:area>=x", "a/a:area>=5"]
    + ["a:area>=nan", "a:area>=inf", "a/b/c:area>=5"],
)
def test_other_text_is_refused_with_an_example(text) -> None:
    with pytest.raises(ValueError, match="such as"):
        Classes.parse(text)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([1, 2, 1, 9, 10, np.nan], 2, 9),
        ([3, 3], 3, 3),
        ([np.nan], 0, 0),
    ],
)
def test_the_proposed_threshold_lies_between_two_groups(values, low, high) -> None:
    assert low <= proposed_threshold(pd.Series(values, dtype=float)) <= high
