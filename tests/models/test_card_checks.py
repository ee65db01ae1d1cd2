"""Whatever stands in a card, it is refused in words or gives a card that works."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from card_model import on_cpu
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models import available_models, load_model
from napari_pmrnet.models.card import (
    ModelCard,
    card_path,
    new_card,
    parse_card,
    read_card,
    write_card,
)
from napari_pmrnet.models.card_checks import DEEPEST, MOST_CARD, CardError
from napari_pmrnet.models.card_text import Entry, describe, entries, summary
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.models.library import SUFFIX, find_weights
from napari_pmrnet.models.user_models import import_model
from napari_pmrnet.segmentation.objects import certainty_map
from napari_pmrnet.segmentation.postprocess import missed_of, nuclei_of
from napari_pmrnet.settings import Settings

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)
NUMBERS = st.dictionaries(st.sampled_from(["intercept", "pgrf"]), JSON, max_size=2)
SLOWLY = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FIELDS = (
    *("architecture", "card_version", "certainty", "classes", "data", "date"),
    *("labels", "licences", "missed_certainty", "name", "object_certainty", "overlap"),
    *("parent", "scores", "sha256", "suggestions", "thresholds", "training"),
    *("val", "window", "working_diameters", "of a later version"),
)
VALID = new_card(("probability", "flow_y", "flow_x"), window=64, sha256="0" * 64)


def content(**fields: Any) -> bytes:
    return json.dumps({**VALID.document, **fields}).encode()


def works(card: ModelCard) -> None:
    """Use everything of a card that is read."""
    chosen = Settings.for_card(card)
    assert card.tile % 8 == 0 and 0 <= card.overlap <= card.tile // 2
    assert card.label_kind.counted(2).startswith("2 ")
    assert bool(card.classes) == (card.label_kind is LabelKind.CLASSES)
    maps = {name: np.zeros((9, 9), np.float32) for name in (*card.channels, "pgrf")}
    maps |= {"boundary": maps["pgrf"], "probability": maps["probability"].copy()}
    maps["probability"][2:7, 2:7] = 0.99
    maps["certainty"] = certainty_map(maps, card.certainty)
    flows = np.zeros((2, 9, 9), np.float32)
    labels, objects = nuclei_of(maps, flows, chosen, None, None, on_cpu(card))
    assert labels.max(initial=0) >= len(objects) >= 0
    missed_of(labels, maps, flows, chosen, None, None, card)
    assert ModelCard(json.loads(card.to_json())) == card


def is_described(entry: Entry) -> None:
    texts = [*summary(entry, [entry]).values()]
    if entry.card is not None:
        rows = describe(entry.card, [entry])
        texts += [part for row in rows for part in row]
    assert all(isinstance(text, str) and "\n" not in text for text in texts)


@SLOWLY
@given(st.dictionaries(st.sampled_from(FIELDS), JSON | NUMBERS, max_size=4))
def test_any_card_works_or_is_refused(fields: dict[str, Any]) -> None:
    try:
        card = parse_card(content(**fields))
    except CardError as error:
        assert error.fault and not error.fault.endswith(".")
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    works(card)
    is_described(Entry("mine", False, card))
    assert json.loads(card.to_json()) == {**VALID.document, **fields}


@SLOWLY
@given(field=st.sampled_from(FIELDS), value=JSON)
def test_a_spoilt_field_gives_a_sentence_on_the_file(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: Any
) -> None:
    weights = tmp_path_factory.mktemp("any") / f"mine{SUFFIX}"
    card_path(weights).write_bytes(content(**{field: value}))
    try:
        assert read_card(weights).document
    except WeightsError as error:
        assert str(card_path(weights)) in str(error)
        assert "Copy it again" in str(error) and "\n" not in str(error)


DEEP = b'{"a": ' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1)


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (DEEP, "nested too deeply"),
        (content(thresholds={"probability_threshold": float("nan")}), "finite"),
        (content(window=10**400), "finite"),
        (b'{"a": 1e999}', "finite"),
        (b'{"a": ' + b"9" * 5000 + b"}", "finite"),
        (b" " * (MOST_CARD + 1), "larger than 1 MB"),
        (b"[1]", "holds no fields"),
        (b"{}", "describes no network"),
        (content(thresholds={}), "no numbers"),
        (content(thresholds=None), "no numbers"),
        (content(thresholds=""), "no numbers"),
        (content(thresholds={"seed_threshold": True}), "no numbers"),
        (content(object_certainty={"intercept": 1e300}), "'object_certainty'"),
        (content(licences=["CC0-1.0"]), "'licences' that is no table"),
        (content(val="high"), "'val' that is no table"),
        (content(date=2026), "'date' that is no text"),
        (content(sha256=""), "names no SHA-256"),
        (content(sha256="0" * 63), "names no SHA-256"),
    ],
)
def test_what_is_spoilt_is_named(written: bytes, fault: str) -> None:
    with pytest.raises(CardError, match=fault):
        parse_card(written)


@pytest.mark.parametrize("missing", ["architecture", "window", "sha256"])
def test_a_card_without_a_field_it_needs_is_refused(missing: str) -> None:
    left = {k: v for k, v in VALID.document.items() if k != missing}
    with pytest.raises(CardError, match="names no|describes no"):
        parse_card(json.dumps(left).encode())


def test_what_training_leaves_open_is_no_fault() -> None:
    fields = {"object_certainty": None, "suggestions": {"merge": None, "split": None}}
    card = parse_card(content(**fields, missed_certainty=None))
    assert card.object_certainty is None and card.suggestions == fields["suggestions"]
    assert parse_card(content(suggestions=None)).suggestions is None


def test_a_card_is_kept_to_the_last_byte(tmp_path: Path) -> None:
    fields = {"of a later version": [1, {"a": None}], "name": "mine", "window": 128}
    written = (json.dumps({**VALID.document, **fields}, indent=2) + "\n").encode()
    path = tmp_path / f"mine{SUFFIX}"
    card_path(path).write_bytes(written)
    write_card(path, read_card(path), overwrite=True)
    assert card_path(path).read_bytes() == written
    shipped = find_weights("nuclei")
    assert read_card(shipped).to_json() == card_path(shipped).read_bytes()


@SLOWLY
@given(card=st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()))
def test_the_list_of_models_survives_any_card(
    tmp_path_factory: pytest.TempPathFactory, card: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)
        (folder / "models").mkdir()
        for name in ("good", "spoilt"):
            (folder / "models" / f"{name}{SUFFIX}").write_bytes(card)
        (folder / "models" / "good.json").write_bytes(content())
        (folder / "models" / "spoilt.json").write_bytes(card)
        assert available_models() == ["dsb18", "nuclei", "good", "spoilt"]
        *shipped, good, spoilt = entries()
        assert not any(entry.fault for entry in (*shipped, good))
        assert str(folder) in spoilt.fault and spoilt.card is None
        for entry in (*shipped, good, spoilt):
            is_described(entry)
        for use in (load_model, import_model):
            with pytest.raises(WeightsError):
                use(str(folder / "models" / f"spoilt{SUFFIX}"))


def test_a_card_that_is_a_folder_is_named(library: Path) -> None:
    (library / "odd.json").mkdir(parents=True)
    (library / f"odd{SUFFIX}").touch()
    assert "odd.json cannot be read" in entries()[-1].fault


def test_reading_cards_does_not_import_torch() -> None:
    code = (
        "import sys; import napari_pmrnet.models.card;"
        "from napari_pmrnet.models.card_text import entries; entries();"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
