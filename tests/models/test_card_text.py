"""A model card in words, whatever stands in it."""

from pathlib import Path

import pytest

from napari_pmrnet.models.card import new_card, read_card, write_card
from napari_pmrnet.models.card_text import (
    NOT_STATED,
    Entry,
    describe,
    entries,
    parent_of,
    summary,
)
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.models.user_models import import_model


def test_the_parent_is_named_where_it_is_here(source: Path, library: Path) -> None:
    shipped = read_card(find_weights("nuclei")).sha256
    scores = {"before": {"AP": 0.5, "Dice": 0.8}, "after": {"AP": 0.75, "Dice": 0.9}}
    card = read_card(source).updated(
        parent=shipped,
        date="2026-11-25",
        data={"name": "mine", "sha256": "ab" * 32, "images": {"train": 5}},
        scores=scores,
        training={"epochs": 12, "loss": {"gate": 1}},
    )
    write_card(source, card, overwrite=True)
    import_model(source, "mine")
    found = entries()
    assert summary(found[-1], found) == {
        "name": "mine",
        "parent": "nuclei",
        "date": "2026-11-25",
        "images": "5",
        "score": "AP 0.75",
    }
    rows = dict(describe(found[-1].card, found))
    assert rows["Scores before"] == "AP 0.5, Dice 0.8"
    assert rows["Data"] == f"mine, SHA-256 {'ab' * 6}"
    assert rows["Settings"] == "epochs 12"
    assert rows["Licences"] == "code BSD-3-Clause, weights CC0-1.0"
    assert dict(describe(found[-1].card))["Parent"] == f"{shipped[:12]} (not here)"


CARD = new_card(("probability",), window=64, sha256="12" * 32)


def test_a_bare_card_says_what_is_not_stated() -> None:
    rows = dict(describe(CARD))
    assert {label for label, text in rows.items() if text == NOT_STATED} == {
        *("Parent", "Date", "Data", "Images", "Settings")
    }
    assert rows["Tile"] == "64 pixels" and rows["Maps"] == "probability"
    assert rows["Weights"] == f"SHA-256 {'12' * 6}"
    assert "Scores" not in rows and "Thresholds" not in rows


def test_a_parent_is_found_by_its_hash_or_its_name() -> None:
    others = [Entry("faulty", False), Entry("here", False, CARD)]
    by_hash = CARD.updated(parent="12" * 32)
    assert parent_of(by_hash, others) == "here"
    assert parent_of(CARD.updated(parent="faulty"), others) == "faulty"
    assert parent_of(by_hash, others[:1]) == "121212121212 (not here)"
    row = summary(Entry("mine", False, by_hash), others[:1])
    assert row["parent"] == "121212121212", "the list has no room for more"
    assert parent_of(CARD, others) == ""


@pytest.mark.parametrize(
    ("fields", "score"),
    [
        ({}, ""),
        ({"val": {"Dice": 0.8125, "AP0.5 pooled": 0.7}}, "AP0.5 0.70"),
        ({"val": {"AP0.5 pooled": 0.7, "images": 70}}, "AP0.5 0.70 of 70"),
        ({"val": {"Dice": "high"}}, "Dice high"),
        ({"val": {"Dice": 0.9}, "scores": {"after": {"AP": 0.5}}}, "AP 0.50"),
        ({"val": {"of another kind": 1.0}}, ""),
        ({"val": {"Dice": 0.9}, "scores": {"after": "good"}}, "Dice 0.90"),
    ],
)
def test_one_score_stands_for_a_model(fields: dict, score: str) -> None:
    assert summary(Entry("m", False, CARD.updated(**fields)))["score"] == score


@pytest.mark.parametrize(
    ("images", "short", "long"),
    [
        ({"train": 4, "val": 2}, "4", "4 train, 2 val"),
        (12, "12", "12"),
        ({"val": 2}, "", "2 val"),
    ],
)
def test_images_are_counted_in_short_and_in_full(
    images: object, short: str, long: str
) -> None:
    card = CARD.updated(data={"images": images})
    assert summary(Entry("m", False, card))["images"] == short
    assert dict(describe(card))["Images"] == long


def test_long_and_unprintable_texts_are_cut_to_a_line() -> None:
    card = CARD.updated(date="2026\n\x07now", training={"note": "x" * 5000})
    rows = dict(describe(card))
    assert rows["Date"] == "2026  now"
    assert rows["Settings"] == f"note {'x' * 200}"
    many = CARD.updated(licences={f"part {k}": "MIT" for k in range(99)})
    said = dict(describe(many))["Licences"]
    assert len(said) == 200 and said.endswith("...")
