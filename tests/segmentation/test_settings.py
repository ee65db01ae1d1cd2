"""Settings: bounds, and a dictionary there and back."""

from dataclasses import fields

import pytest

from napari_pmrnet import Settings


def test_dictionary_there_and_back() -> None:
    settings = Settings(channel=2, min_area=7)
    values = settings.as_dict() | {"of a later version": 1}
    assert Settings.from_dict(values) == settings


@pytest.mark.parametrize(
    "values", [{"probability_threshold": 1.5}, {"min_area": -1}, {"channel": -2}]
)
def test_out_of_bounds_is_refused(values: dict) -> None:
    with pytest.raises(ValueError, match="between"):
        Settings(**values)


def test_every_field_can_be_shown_in_a_form() -> None:
    for spec in fields(Settings):
        assert {"label", "help"} <= set(spec.metadata)
