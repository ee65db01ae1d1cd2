"""Fields of a form: values, bounds, and why a value will not do."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_pmrnet.plugin.widgets.fields import (
    ChoiceField,
    DecimalField,
    OptionalField,
    OptionalWholeField,
    TickField,
)


def test_a_choice_that_is_gone_falls_back(qtbot):
    field = ChoiceField([("auto", "Automatic")])
    qtbot.addWidget(field)
    field.set_value("cuda:3")
    assert field.value() == "cuda:3"
    with qtbot.waitSignal(field.changed):
        field.set_choices([("auto", "Automatic"), ("cpu", "CPU")])
    assert field.value() == "auto"


def added(qtbot, field):
    qtbot.addWidget(field)
    return field


def test_a_number_out_of_bounds_can_be_typed_and_comes_back_by_the_arrows(qtbot):
    spec = {"min": 0.1, "max": 0.9, "step": 0.1}
    field = added(qtbot, DecimalField(spec))
    field.set_value(7.25)
    assert field.value() == 7.25
    assert field.slider.value() == field.slider.maximum() == 9
    field.spin.stepBy(-1)
    assert field.value() == 0.9
    field.set_value(-3)
    field.spin.stepBy(1)
    assert field.value() == 0.1


@given(st.integers(1, 19))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_slider_and_the_box_tell_the_same(qapp, position):
    field = DecimalField({"min": 0.05, "max": 0.95, "step": 0.05})
    field.set_value(0.5)
    field.slider.setValue(position)
    assert field.value() == pytest.approx(position / 20, abs=1e-9)
    field.set_value(0.5)
    assert field.slider.value() == 10


def test_each_change_is_told_once(qtbot):
    field = added(qtbot, DecimalField({"min": 0, "max": 1}))
    told = []
    field.changed.connect(lambda: told.append(field.value()))
    field.slider.setValue(8)
    field.set_value(0.42)
    field.set_value(0.42)
    assert told == [0.4, 0.42]


@pytest.mark.parametrize(
    ("kind", "typed", "value"),
    [(OptionalField, 2.55, 2.5), (OptionalField, 3, 3), (OptionalWholeField, 3, 3)],
)
def test_an_optional_number_begins_where_it_is_told(qtbot, kind, typed, value):
    field = added(qtbot, kind({"min": 2, "max": 50, "start": 20}))
    field.set_value(None)
    assert field.spin.text() == "Automatic"
    field.spin.stepBy(-1)
    assert field.value() is None
    field.spin.stepBy(1)
    assert field.value() == 20
    field.set_value(typed)
    assert field.value() == pytest.approx(value, abs=0.11)
    assert isinstance(field.value(), int if kind is OptionalWholeField else float)
    field.set_value(2)
    field.spin.stepBy(-1)
    assert field.value() is None
    field.set_value(None)
    assert field.value() is None


def test_a_reason_is_shown_until_it_is_taken_away(qtbot):
    field = added(qtbot, TickField({"label": "Yes"}))
    assert field.reason.isHidden()
    field.set_reason("Because.")
    assert field.reason.text() == "Because." and not field.reason.isHidden()
    field.set_reason("")
    assert field.reason.isHidden()


def test_a_tick_is_told_and_set(qtbot):
    field = added(qtbot, TickField({"label": "Leave out"}))
    with qtbot.waitSignal(field.changed):
        field.set_value(True)
    assert field.value() is True and field.box.text() == "Leave out"


def test_choices_keep_their_python_values(qtbot):
    values = (None, 0, ("a", 1), object())
    field = added(qtbot, ChoiceField([(v, str(i)) for i, v in enumerate(values)]))
    for value in values:
        field.set_value(value)
        assert field.value() is value
    told = []
    field.changed.connect(lambda: told.append(1))
    field.set_choices([(v, "renamed") for v in reversed(values)])
    assert field.value() is values[-1] and told == []
    field.set_choices([])
    assert field.value() is None and told == [1]


def test_a_file_that_is_not_on_offer_is_added_under_its_name(qtbot):
    field = added(qtbot, ChoiceField([("nuclei", "nuclei")]))
    field.set_value("/models/mine.safetensors")
    assert field.combo.currentText() == "mine.safetensors"
    assert field.value() == "/models/mine.safetensors"


@given(st.floats(2, 1000), st.floats(0.01, 3), st.integers(0, 3))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pixels_stay_the_same_in_any_unit(qapp, pixels, size, steps):
    field = OptionalField({"min": 2, "max": 1000, "start": 20})
    field.set_value(pixels)
    before, told = field.value(), []
    field.changed.connect(lambda: told.append(field.value()))
    field.show_in("µm", size)
    assert field.value() == before == round(pixels, 1)
    field.show_in("px", 1.0)
    assert field.value() == before and not told
    field.show_in("µm", size)
    field.set_value(None)
    field.spin.stepBy(1)
    assert field.value() == pytest.approx(20, abs=0.1 + 0.01 / size)
