"""The form is the dataclass: its names, bounds, defaults and help, nothing else."""

from __future__ import annotations

from dataclasses import fields

import pytest

from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.settings import Settings


@pytest.fixture
def form(qtbot):
    form = SettingsForm()
    for field in form.fields.values():
        qtbot.addWidget(field)
    return form


def test_every_setting_has_a_field(form):
    assert set(form.fields) == {spec.name for spec in fields(Settings)}
    for spec in fields(Settings):
        assert spec.metadata["help"] in form.fields[spec.name].toolTip()
        assert form.labels[spec.name] == spec.metadata["label"]


def test_defaults_and_round_trip(form):
    assert form.settings() == Settings()
    numbers = 2, 14.5, 0.35, 0.7, 0.1, 55
    other = Settings("my.safetensors", "cuda:1", *numbers, True, True)
    form.set_settings(other)
    assert form.settings() == other


def test_arrows_and_slider_stay_within_bounds(form):
    number = form.fields["probability_threshold"]
    number.spin.stepBy(100)
    assert number.value() == 0.95
    number.slider.setValue(-5)
    assert number.value() == 0.05
    number.slider.setValue(7)
    assert number.value() == 0.35
    area = form.fields["min_area"]
    assert area.value() is None
    area.spin.stepBy(1)
    assert area.value() == 20 and isinstance(area.value(), int)
    area.set_value(0)
    assert area.value() == 0 and form.settings().min_area == 0
    area.spin.stepBy(-1)
    assert area.value() is None


def test_a_number_that_may_be_left_open(form):
    diameter = form.fields["diameter"]
    assert diameter.value() is None and diameter.spin.text() == "Automatic"
    diameter.spin.stepBy(1)
    assert diameter.value() == 20 and form.settings().diameter == 20
    diameter.spin.setValue(2.5)
    diameter.spin.stepBy(-1)
    assert diameter.value() is None
    diameter.spin.setValue(1)
    assert form.settings() is None and "between" in diameter.reason.text()


def test_changed_names_the_field(form, qtbot):
    with qtbot.waitSignal(form.changed) as caught:
        form.fields["exclude_border"].set_value(True)
    assert caught.args == ["exclude_border"]
