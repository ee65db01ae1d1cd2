"""Tables of scores made by hand: overall, by modality, by class, by image."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from image_scores import SEMANTIC, nuclei, united

from napari_pmrnet.evaluation.tables import (
    CLASS_TITLE,
    DIAGONAL,
    INSTANCE_TITLE,
    INTERVALS,
    NOT_APPLICABLE,
    ROWS,
    by_modality,
    certainty_row,
    class_row,
    class_table,
    has_objects,
    image_table,
    instance_row,
    matches_of,
    missed_row,
    pixel_row,
    rows_of,
    semantic_row,
    summary,
)
from napari_pmrnet.models.label_kind import LabelKind


def test_one_row_for_all_and_one_a_modality() -> None:
    scores = [nuclei("1", "b"), nuclei("2", "a"), nuclei("3", "b"), nuclei("4")]
    table = by_modality(scores, lambda group: {"images": len(group)})
    assert table["images"].to_dict() == {"all": 4, "a": 1, "b": 2}


def test_sets_come_before_modalities_and_misses_are_summed() -> None:
    scores = [nuclei("1", "tnbc"), nuclei("2", "dsb18-a"), nuclei("3", "dsb18-f")]
    names, merged = ("tnbc", "dsb18", "dsb18"), (1, 2, 4)
    scores = [
        replace(score, dataset=name, misses={"merged": count})
        for score, name, count in zip(scores, names, merged, strict=True)
    ]
    table = by_modality(scores, instance_row)
    assert list(table.index) == ["all", "tnbc", "dsb18", "dsb18-a", "dsb18-f"]
    assert list(table["merged"]) == [7, 1, 6, 2, 4] and table["split"].sum() == 0


def test_means_medians_and_images_that_failed() -> None:
    scores = [
        nuclei(n, Dice=d, HD95=h)
        for n, d, h in [("1", 0.9, 1.0), ("2", 0.6, 3.0), ("3", 0.0, DIAGONAL)]
    ]
    row = semantic_row(scores)
    assert row["images"] == 3 and row["failed"] == 1
    assert row["Dice"] == row["Dice native"] == pytest.approx(0.5)
    assert row["HD95 median"] == 3
    assert row["HD95"] == pytest.approx((4 + DIAGONAL) / 3)


def test_precision_is_pooled_over_nuclei_and_the_mean_of_images() -> None:
    scores = [nuclei("1", counts=(9, 0, 1)), nuclei("2", counts=(0, 1, 0))]
    row = instance_row(scores)
    assert row["AP0.5 pooled"] == pytest.approx(9 / 11)
    assert row["AP0.5-0.95 pooled"] == pytest.approx(9 / 11)
    assert row["AP0.9 per image"] == pytest.approx(0.45)
    assert row["F1"] == pytest.approx(9 / 10)
    assert row["PQ"] == pytest.approx(0.8 * 9 / 10)


def test_certainty_is_compared_with_what_is_right() -> None:
    row = certainty_row([nuclei("1"), nuclei("2", iou=(0.9, 0.9, 0.6, 0.2))])
    assert (row["objects"], row["wrong"]) == (8, 3)
    assert row["AUROC at 0.5"] == 1
    # 5 x 3 pairs; the wrong one of certainty 0.7 ties with a right one.
    assert row["AUROC"] == pytest.approx(14.5 / 15)


def test_signals_that_tell_wrong_pixels() -> None:
    assert pixel_row([nuclei("1")]) == {
        "pixel AUROC": 1,
        "raw PGRF": 0,
        "entropy": 0.5,
    }


def test_proposals_of_missed_nuclei() -> None:
    row = missed_row([nuclei("1", counts=(3, 1, 2))])
    assert (row["missed"], row["proposals"], row["right proposals"]) == (2, 3, 2)
    assert row["precision"] == pytest.approx(2 / 3)
    assert row["precision of top 10%"] == 1
    assert row["precision of top 50%"] == 0.5
    assert row["proposal AUROC"] == 0.5


def test_without_proposals_precision_is_unknown() -> None:
    row = missed_row([united("1")])
    assert row["missed"] == row["proposals"] == 0
    assert np.isnan(row["precision"]) and np.isnan(row["precision of top 25%"])


def test_dice_of_classes_and_their_mean() -> None:
    scores = [
        united("1", classes={"polyp": 0.8, "tool": 0.4}),
        united("2", classes={"polyp": 0.6, "tool": 0.0}),
    ]
    assert class_row(scores) == pytest.approx(
        {"images": 2, "polyp": 0.7, "tool": 0.2, "mean": 0.45}
    )


def test_a_class_is_scored_in_images_that_show_it() -> None:
    polyp, tool = dict.fromkeys(SEMANTIC, 0.4), dict.fromkeys(SEMANTIC, 0.8)
    scores = [
        united("1", by_class={"polyp": polyp, "tool": tool}),
        united("2", by_class={"tool": polyp}),
        united("3"),
    ]
    table = class_table(scores)
    assert table["images"].to_dict() == {"polyp": 1, "tool": 2, "mean": 3}
    assert table["Dice"].to_dict() == pytest.approx(
        {"polyp": 0.4, "tool": 0.6, "mean": 0.5}
    )
    assert class_table([united("1")]).empty
    assert "mean" not in class_table(scores[1:]).index


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        (LabelKind.NUCLEI, "Objects (native size)"),
        (LabelKind.OBJECTS, "Missed nuclei"),
        (LabelKind.CLASSES, "Objects (native size)"),
    ],
)
def test_tables_are_those_that_apply(kind: LabelKind, missing: str) -> None:
    titles = set(rows_of([united("1", kind=kind)]))
    assert "Semantic (256 x 256)" in titles and missing not in titles
    assert ("Dice of classes (native size)" in titles) == (kind is LabelKind.CLASSES)
    assert rows_of([]) == rows_of([nuclei("1")]) == ROWS


def test_a_summary_says_where_nothing_tells_objects_apart() -> None:
    tables = summary([united("1"), united("2")])
    assert tables[INSTANCE_TITLE].loc["all", "AP"] == NOT_APPLICABLE
    assert "Certainty" not in tables and CLASS_TITLE not in tables
    tables = summary([nuclei("1", "a"), nuclei("2", "b")])
    assert set(tables) == {INTERVALS, *ROWS}
    assert list(tables[INSTANCE_TITLE].index) == ["all", "a", "b"]


def test_objects_are_compared_only_if_they_are_in_every_image() -> None:
    mixed = [nuclei("1"), united("2")]
    assert not has_objects(mixed) and has_objects(mixed[:1])
    assert len(matches_of(mixed)) == 1


def test_a_row_an_image() -> None:
    table = image_table([nuclei("b", "x", counts=(3, 1, 2)), united("a")])
    assert list(table.index) == ["b", "a"]
    assert table.loc["b", ["modality", "nuclei", "found"]].tolist() == ["x", 5, 4]
    assert table.loc["b", "AP0.5"] == table.loc["b", "AP0.95"] == 0.5
    assert pd.isna(table.loc["a", "AP0.5"])
    assert "nuclei" not in image_table([united("a")])
