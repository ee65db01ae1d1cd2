"""Presets come back as they were saved; what is damaged or newer is refused by name."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError
from napari_pmrnet.segmentation import presets
from napari_pmrnet.segmentation.presets import (
    KEY,
    delete_preset,
    preset_names,
    read_preset,
    save_preset,
    write_preset,
)
from napari_pmrnet.settings import Settings

SETTINGS = st.builds(
    Settings,
    channel=st.none() | st.integers(0, 9),
    diameter=st.none() | st.floats(2, 1000) | st.integers(2, 1000),
    probability_threshold=st.floats(0.05, 0.95),
    seed_threshold=st.floats(0.05, 0.95),
    min_area=st.none() | st.integers(0, 100_000),
    flips=st.booleans(),
    exclude_border=st.booleans(),
    limits=st.sampled_from(["automatic", "region", "120:4000"]),
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path)
    return tmp_path / "presets"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SETTINGS, st.sampled_from(["nuclei of mice", "2.5 µm", "Ki-67"]))
def test_what_is_saved_comes_back(wanted, name) -> None:
    save_preset(name, wanted)
    assert read_preset(name) == wanted and name in preset_names()


def test_names_and_deletion(folder) -> None:
    assert preset_names() == [] and not folder.exists()
    for name in ("b", "A", "c.1"):
        save_preset(name, Settings())
    assert preset_names() == ["A", "b", "c.1"]
    save_preset("b", Settings(flips=True))
    assert read_preset("b").flips
    delete_preset("b")
    delete_preset("b")
    assert preset_names() == ["A", "c.1"]
    with pytest.raises(DataError, match="no preset 'b'. Presets here: A, c.1"):
        read_preset("b")
    for name in ("", "a/b", "..", "con", " a", "a*"):
        with pytest.raises(DataError, match="cannot be the name of a preset"):
            save_preset(name, Settings())


def test_a_file_goes_to_another_computer(tmp_path) -> None:
    path = write_preset(tmp_path / "mine", Settings(diameter=30))
    assert path.name == "mine.pmrnet-preset" and preset_names() == []
    assert read_preset(path) == read_preset(str(path)) == Settings(diameter=30)
    with pytest.raises(DataError, match="exists already"):
        write_preset(path, Settings())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("", "no preset of napari-pmrnet, or a damaged one"),
        ("[1]", "damaged"),
        ({"settings": 3}, "damaged"),
        ({KEY: 2, "software": "napari-pmrnet 9"}, "napari-pmrnet 9 wrote in a form"),
        ({KEY: None}, "another version|napari-pmrnet"),
        ({"settings": {"sharpness": 1}}, "does not know \\('sharpness'\\)"),
        ({"settings": {"diameter": "20"}}, "Nucleus diameter is '20'"),
        ({"settings": {"diameter": True}}, "Nucleus diameter is True"),
        ({"settings": {"flips": 1}}, "Average over flips is 1"),
        ({"settings": {"channel": 0.5}}, "Channel is 0.5"),
        ({"settings": {"diameter": 0}}, "between 2 and 1000"),
        ({"settings": {"limits": "9:3"}}, "Intensity limits"),
        ({"settings": {"model": "gone"}}, "a model that is missing.*'gone'"),
        ({"settings": {"model": "/gone.safetensors"}}, "missing.*/gone.safetensors"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_after_its_name(
    change, words, tmp_path
) -> None:
    path = write_preset(tmp_path / "mine", Settings())
    if isinstance(change, str):
        path.write_text(change)
    else:
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=f"(?s)mine.pmrnet-preset: .*{words}"):
        read_preset(path)


def test_files_that_are_not_there_or_bytes_are_refused(tmp_path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_preset(tmp_path / "gone.pmrnet-preset")
    (tmp_path / "b.pmrnet-preset").write_bytes(b"\xff\xfe" * 100_000)
    with pytest.raises(DataError, match="damaged"):
        read_preset(tmp_path / "b.pmrnet-preset")


def test_a_preset_without_a_setting_has_its_default(tmp_path) -> None:
    """As one of an earlier version would be, which lacked it."""
    path = write_preset(tmp_path / "mine", Settings(flips=True))
    told = json.loads(path.read_text())
    del told["settings"]["limits"]
    path.write_text(json.dumps(told))
    assert read_preset(path) == Settings(flips=True)
    assert presets.VERSION == 1
