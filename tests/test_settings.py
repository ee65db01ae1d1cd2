"""Settings: bounds, and a dictionary there and back."""

from dataclasses import fields

import pytest

from napari_pmrnet import Settings
from napari_pmrnet.errors import DataError
from napari_pmrnet.models.card import new_card, read_card
from napari_pmrnet.models.library import find_weights


def test_records_from_before_uncertain_nuclei_were_dropped_keep_them() -> None:
    values = Settings(min_area=3).as_dict()
    assert Settings.of_record(values) == Settings(min_area=3)
    del values["least_certainty"]
    assert Settings.of_record(values) == Settings(min_area=3, least_certainty=0)


def test_dictionary_there_and_back() -> None:
    settings = Settings(channel=2, min_area=7)
    values = settings.as_dict() | {"of a later version": 1}
    assert Settings.from_dict(values) == settings


def test_thresholds_of_a_card_give_way_to_chosen_ones() -> None:
    thresholds = {"probability_threshold": 0.7, "seed_threshold": 0.4}
    card = new_card(("probability",), thresholds=thresholds)
    assert Settings.for_card(new_card(("probability",))) == Settings()
    assert Settings.for_card(card) == Settings(**thresholds)
    chosen = Settings.for_card(card, seed_threshold=0.2, min_area=3)
    assert chosen == Settings(probability_threshold=0.7, seed_threshold=0.2, min_area=3)


def test_defaults_are_the_thresholds_of_the_shipped_model() -> None:
    assert Settings.for_card(read_card(find_weights("nuclei"))) == Settings()


@pytest.mark.parametrize(
    "values", [{"probability_threshold": 1.5}, {"min_area": -1}, {"channel": -2}]
)
def test_out_of_bounds_is_refused(values: dict) -> None:
    with pytest.raises(ValueError, match="between"):
        Settings(**values)


@pytest.mark.parametrize("text", ["automatic", "percentiles", "region", "-1e3:2.5"])
def test_limits_have_a_name_or_are_two_numbers(text: str) -> None:
    assert Settings.from_dict(Settings(limits=text).as_dict()).limits == text


@pytest.mark.parametrize("text", ["", "5", "9:2", "1:1", "nan:3", "1:inf", "1:2:3"])
def test_other_limits_are_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="120:4000"):
        Settings(limits=text)


def test_settings_of_version_0_1_have_automatic_limits() -> None:
    assert Settings.from_dict({"channel": 1}).limits == "automatic"


def test_every_field_can_be_shown_in_a_form() -> None:
    for spec in fields(Settings):
        assert {"label", "help"} <= set(spec.metadata)


@pytest.mark.parametrize(
    "name", ["probability_threshold", "seed_threshold", "diameter", "min_area"]
)
def test_not_a_number_lies_within_no_bounds(name):
    with pytest.raises(ValueError, match="is nan; it must lie between"):
        Settings(**{name: float("nan")})


@pytest.mark.parametrize("value", ["25", "", True, [25], 25j])
@pytest.mark.parametrize("name", ["diameter", "min_area", "channel", "seed_threshold"])
def test_what_is_no_number_is_refused(name, value):
    with pytest.raises(ValueError, match="no number"):
        Settings(**{name: value})


@pytest.mark.parametrize(
    "values", [{"diameter": 0}, {"min_area": "3"}, {"limits": 7}, {"channel": -1}]
)
def test_a_record_that_cannot_be_is_said(values):
    with pytest.raises(DataError, match="settings that cannot be"):
        Settings.of_record(values)
