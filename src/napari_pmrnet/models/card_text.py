"""A model card in words: a line for the list, rows for the one chosen.

Tables on a card may be of other versions or edited by hand, so whatever they hold is
shown and nothing is taken for granted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models.card import ModelCard, read_card
from napari_pmrnet.models.library import find_weights, shipped_models, user_models

NOT_STATED = "not stated"
NOT_HERE = " (not here)"
SHORT_HASH = 12
_LONGEST = 200
_SCORES = ("AP0.5 per image", "AP0.5 pooled", "AP0.5", "AP", "Dice")
_SHOWN_SCORES = 8


@dataclass(frozen=True)
class Entry:
    """A model of the list.

    Attributes
    ----------
    name : str
    shipped : bool
        Whether it comes with the package.
    card : ModelCard or None
        None if it cannot be read.
    fault : str
        Why the card cannot be read, or nothing.
    """

    name: str
    shipped: bool
    card: ModelCard | None = None
    fault: str = ""


def entries() -> list[Entry]:
    """All models, shipped ones first, with their cards."""
    found = [(name, True) for name in shipped_models()]
    return [_entry(*one) for one in [*found, *((n, False) for n in user_models())]]


def _entry(name: str, shipped: bool) -> Entry:
    try:
        return Entry(name, shipped, read_card(find_weights(name)))
    except WeightsError as error:
        return Entry(name, shipped, fault=str(error))


def summary(entry: Entry, others: Iterable[Entry] = ()) -> dict[str, str]:
    """The columns of the list: name, parent, date, images, score."""
    card = entry.card
    if card is None:
        columns = {"parent": "", "date": "", "images": "", "score": "faulty"}
    else:
        columns = {
            "parent": parent_of(card, others).removesuffix(NOT_HERE),
            "date": _text(card.date),
            "images": _count(card),
            "score": _score(card),
        }
    return {"name": entry.name, **columns}


def describe(card: ModelCard, others: Iterable[Entry] = ()) -> list[tuple[str, str]]:
    """Everything about a model that its card says, as labels and texts.

    Parameters
    ----------
    card : ModelCard
    others : iterable of Entry
        Models among which the parent is looked for.

    Returns
    -------
    list of (str, str)
    """
    before, after = _before_and_after(card)
    rows = [
        ("Parent", parent_of(card, others)),
        ("Date", _text(card.date)),
        ("About", card.about),
        ("Data", _data(card.data)),
        ("Images", _images(card.data.get("images"))),
        ("Scores", "" if after else _scores(card.val)),
        ("Scores before", _scores(before)),
        ("Scores after", _scores(after)),
        ("Settings", _settings(card)),
        ("Maps", ", ".join(card.channels)),
        ("Tile", f"{card.tile} pixels"),
        ("Thresholds", _pairs(card.thresholds)),
        ("Licences", _pairs(card.licences)),
        ("Weights", _hash(card.sha256)),
    ]
    return [(label, text or NOT_STATED) for label, text in rows if _kept(label, text)]


def parent_of(card: ModelCard, others: Iterable[Entry] = ()) -> str:
    """Name of the model that one was made from, or its short hash if it is not here."""
    if not card.parent:
        return ""
    for other in others:
        digest = None if other.card is None else other.card.sha256
        if card.parent in (digest, other.name):
            return other.name
    return f"{_text(card.parent[:SHORT_HASH])}{NOT_HERE}"


def _kept(label: str, text: str) -> bool:
    """True if a row is worth showing: a model without scores says so once."""
    return bool(text) or label in ("Parent", "Date", "Data", "Images", "Settings")


def _before_and_after(card: ModelCard) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Scores on the user's images before and after training."""
    return _table(card.scores.get("before")), _table(card.scores.get("after"))


def _score(card: ModelCard) -> str:
    """The score that stands for a model, with the images that it is of."""
    scores = _before_and_after(card)[1] or card.val
    for name in _SCORES:
        if name in scores:
            value = scores[name]
            short = f"{value:.2f}" if isinstance(value, float) else _text(value)
            images = scores.get("images")
            of = f" of {images}" if isinstance(images, int) else ""
            return f"{name.split(' ')[0]} {short}{of}"
    return ""


def _scores(scores: Mapping[str, Any]) -> str:
    """The scores that matter, those of nuclei first."""
    first = [name for name in (*_SCORES, "F1", "PQ", "IoU") if name in scores]
    names = first or list(scores)
    return _pairs({name: scores[name] for name in names[:_SHOWN_SCORES]})


def _count(card: ModelCard) -> str:
    """Number of images that were trained on."""
    images = card.data.get("images")
    if isinstance(images, Mapping):
        images = images.get("train", "")
    return _text(images) or ""


def _images(images: Any) -> str:
    if isinstance(images, Mapping):
        return ", ".join(f"{_text(n)} {_text(subset)}" for subset, n in images.items())
    return _text(images)


def _data(data: Mapping[str, Any]) -> str:
    """Name of the data and their hash."""
    return ", ".join(
        t for t in (_text(data.get("name")), _hash(data.get("sha256"))) if t
    )


def _settings(card: ModelCard) -> str:
    """Settings of the training; tables in them are named only."""
    training = card.training.items()
    plain = {k: v for k, v in training if not isinstance(v, Mapping | list)}
    return _pairs(plain, longest=1000)


def _hash(value: Any) -> str:
    return f"SHA-256 {_text(value)[:SHORT_HASH]}" if value else ""


def _pairs(table: Mapping[str, Any], longest: int = _LONGEST) -> str:
    """Names and values in one line."""
    line = ", ".join(f"{_text(name)} {_text(value)}" for name, value in table.items())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    """One value in few characters, on one line, without what cannot be printed."""
    if value is None:
        return ""
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return "".join(c if c.isprintable() else " " for c in text[:_LONGEST])
