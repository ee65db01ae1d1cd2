"""Intervals: those of a plain bootstrap, image by image."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_scores import nuclei, united

from napari_pmrnet.evaluation import intervals
from napari_pmrnet.evaluation.evaluate import THRESHOLDS, ImageScore
from napari_pmrnet.evaluation.instance import Match
from napari_pmrnet.evaluation.intervals import HIGH, LOW, interval_row, with_intervals
from napari_pmrnet.evaluation.tables import certainty_row, instance_row, semantic_row


def row_of(scores: list[ImageScore]) -> dict[str, float]:
    """The same figures by the tables."""
    return semantic_row(scores) | instance_row(scores) | certainty_row(scores)


@st.composite
def images(draw) -> list[ImageScore]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = []
    for number in range(draw(st.integers(1, 6))):
        found = int(rng.integers(0, 12))
        counts = rng.integers(0, 9, (len(THRESHOLDS), 3)).tolist()
        score = nuclei(str(number), Dice=float(rng.uniform()))
        matches = [Match(*c) for c in counts]
        objects = pd.DataFrame(
            {
                "certainty": rng.uniform(size=found).round(1),
                "iou": rng.uniform(0.5, 1, found),
                "kept": True,
            }
        )
        specks = matches[::-1] if draw(st.booleans()) else None
        scores.append(
            replace(score, matches=matches, objects=objects, without_specks=specks)
        )
    return scores


@settings(max_examples=6, deadline=None)
@given(images())
def test_as_by_drawing_images_one_by_one(scores: list[ImageScore]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "DRAWS", 5)
        found = interval_row(scores)
        rng = np.random.default_rng(intervals.SEED)
        count = len(scores)
        draws = rng.multinomial(count, np.full(count, 1 / count), 5)
    assert found["images"] == count
    whole = row_of(scores)
    rows = pd.DataFrame(
        [
            row_of([s for s, k in zip(scores, n, strict=True) for _ in range(k)])
            for n in draws
        ]
    )
    figures = [name for name in found if not name.endswith((LOW, HIGH))]
    assert {"AP0.5 pooled", "AP0.9 per image", "Dice", "AUROC", "ECE"} < set(figures)
    assert ("AP0.75 pooled without specks" in figures) == any(
        s.without_specks for s in scores
    )
    for name in figures[1:]:
        assert found[name] == pytest.approx(whole[name], nan_ok=True)
        known = rows[name].dropna() if name in rows else pd.Series(dtype=float)
        if "specks" in name:  # a draw may have no image with specks
            continue
        ends = known.quantile([0.025, 0.975]) if len(known) else [np.nan] * 2
        got = found[f"{name}{LOW}"], found[f"{name}{HIGH}"]
        assert got == pytest.approx(tuple(ends), nan_ok=True)


def test_the_same_at_every_call_and_around_the_figure() -> None:
    scores = [nuclei(str(n), counts=(n, 3, 1), Dice=n / 9) for n in range(9)]
    row = interval_row(scores)
    assert row == interval_row(scores)
    for name in ("AP0.5 pooled", "AP0.5 per image", "Dice"):
        assert row[f"{name}{LOW}"] < row[name] < row[f"{name}{HIGH}"]
    alone = interval_row(scores[4:5])
    assert alone["Dice"] == alone[f"Dice{LOW}"] == alone[f"Dice{HIGH}"]


def test_what_is_not_told_apart_has_dice_only() -> None:
    row = interval_row([united("1", 0.4), united("2", 0.6)])
    assert row["Dice"] == pytest.approx(0.5)
    assert not any("AP" in name or "AUROC" in name for name in row)


def test_figure_and_interval_in_one_cell() -> None:
    table = pd.DataFrame(
        {
            "images": [2, 3],
            "A": [0.5, np.nan],
            "A low": [0.25, np.nan],
            "A high": [0.75, np.nan],
        },
        index=["x", "y"],
    )
    shown = with_intervals(table)
    assert list(shown) == ["images", "A"]
    assert shown["A"].tolist() == ["0.500 (0.250-0.750)", "-"]
    plain = pd.DataFrame({"images": [2]}, index=["x"])
    pd.testing.assert_frame_equal(with_intervals(plain), plain)
