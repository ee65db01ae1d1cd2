"""Options and classes as they are chosen."""

import pytest

from napari_pmrnet.plugin.measure.forms import ClassForm, OptionsForm
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.proofreading.intensities import Options
from napari_pmrnet.proofreading.texture import Distance

COLUMNS = [("area", "Area (µm²)"), ("intensity GFP", "Mean GFP")]


@pytest.fixture
def form(qtbot) -> ClassForm:
    form = ClassForm()
    qtbot.addWidget(form)
    form.offer(COLUMNS)
    return form


def take(form: ClassForm, place: int) -> None:
    """Choose a column as a user does."""
    form.column.setCurrentIndex(place)
    form.column.activated.emit(place)


def test_options(qtbot) -> None:
    form = OptionsForm()
    qtbot.addWidget(form)
    assert form.options() == Options() and form.ring.text() == "none"
    told = []
    form.changed.connect(lambda: told.append(form.options()))
    form.ring.setValue(5)
    form.background.click()
    assert told == [Options(5), Options(5, True)]


def test_texture_is_asked_for_in_the_unit_of_the_image(qtbot) -> None:
    form = OptionsForm()
    qtbot.addWidget(form)
    told = []
    form.changed.connect(lambda: told.append(form.options().texture))
    form.show_unit("um", 0.25)
    assert form.texture.text() == "none" and told == []
    form.texture.stepUp()
    assert told == [Distance(0.25, "um")] and form.texture.text() == "0.250 µm"
    form.show_unit("um", 0.5)
    assert len(told) == 1
    form.show_unit("pixel", 1.0)
    assert told[1:] == [Distance(0.25, "pixel")]
    form.texture.setValue(0)
    assert form.options() == Options()


def test_a_column_asks_for_its_threshold(form) -> None:
    assert form.classes() is None and not form.threshold.isEnabled()
    told = []
    form.column_chosen.connect(lambda column: form.propose(12.34567))
    form.changed.connect(lambda: told.append(form.classes()))
    take(form, 2)
    assert told == [Classes("intensity GFP", 12.3457)]
    form.threshold.setValue(7)
    form.above.setText("GFP+")
    form.above.editingFinished.emit()
    take(form, 0)
    assert told[1:] == [
        Classes("intensity GFP", 7.0),
        Classes("intensity GFP", 7.0, "GFP+"),
        None,
    ]


@pytest.mark.parametrize(("above", "below"), [("", "a"), ("a", " "), ("a", "a")])
def test_names_must_differ(form, above: str, below: str) -> None:
    form.show_classes(Classes("area", 3.0))
    form.above.setText(above)
    form.below.setText(below)
    assert form.classes() is None


def test_classes_are_shown_without_telling(form) -> None:
    form.changed.connect(lambda: pytest.fail("told"))
    classes = Classes("area", 3.5, "large", "small")
    form.show_classes(classes)
    assert form.classes() == classes
    assert not form.offer(COLUMNS), "the same ones"
    assert form.offer(COLUMNS[::-1]) and form.classes() == classes
    assert form.offer(COLUMNS[1:]) and form.classes() is None
    form.show_classes(None)
    assert form.classes() is None
