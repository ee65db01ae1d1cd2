"""The line that says under which settings a run begins."""

from dataclasses import fields, replace

import pytest

from napari_pmrnet.models.card import new_card
from napari_pmrnet.plugin.widgets.settings_form import SettingsForm
from napari_pmrnet.plugin.widgets.settings_line import SettingsLine, settings_in_words
from napari_pmrnet.settings import Settings

CARD = new_card(
    ("probability",), thresholds={"probability_threshold": 0.45}, sha256="0" * 64
)
OTHER = Settings(
    "own.safetensors", "cuda:1", 3, 22.5, 0.35, 0.7, 0.1, 55, True, True, "120:4000"
)


@pytest.fixture
def form(qtbot):
    form = SettingsForm()
    for field in form.fields.values():
        qtbot.addWidget(field)
    return form


@pytest.mark.parametrize("name", [spec.name for spec in fields(Settings)])
def test_every_setting_that_is_not_as_usual_is_told(name) -> None:
    settings = replace(Settings(), **{name: getattr(OTHER, name)})
    told = settings_in_words(settings, None)
    assert told != settings_in_words(Settings(), None)
    label = Settings.__dataclass_fields__[name].metadata["label"]
    assert name == "model" or label in told


def test_the_line_follows_the_form_and_the_model(form, qtbot) -> None:
    line = SettingsLine(form)
    qtbot.addWidget(line)
    line.set_card(None)
    assert line.text.text() == "Settings: as usual for the model 'nuclei'."
    form.fields["flips"].set_value(True)
    form.fields["diameter"].set_value(22.5)
    assert line.text.text() == (
        "Settings: model 'nuclei', not as usual: Nucleus diameter 22.5, Average over "
        "flips."
    )
    line.set_card(CARD)
    assert "Probability threshold 0.6" in line.text.text()
    form.set_settings(Settings.for_card(CARD))
    assert line.text.text() == "Settings: as usual for the model 'nuclei'."
    form.fields["diameter"].set_value(1)
    assert "must lie between" in line.text.text()
