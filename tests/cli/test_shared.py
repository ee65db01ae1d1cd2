"""What all commands share: the terminal, and an option for every setting."""

import io
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import typer
from rich.console import Console
from rich.progress import Progress
from typer.testing import CliRunner

from napari_pmrnet.cli import shared
from napari_pmrnet.cli.shared import complain, progress_bar, say, with_settings
from napari_pmrnet.models.card import new_card
from napari_pmrnet.models.library import RENAMED
from napari_pmrnet.models.weights import save_model
from napari_pmrnet.network import PMRNet
from napari_pmrnet.segmentation.presets import save_preset, write_preset
from napari_pmrnet.settings import TUNED, Settings


def test_complaints_stand_above_the_progress_bar(monkeypatch):
    screen, stderr = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    console = Console(file=screen, force_terminal=True, width=80)
    with Progress(console=console, transient=True) as bar:
        bar.add_task("working", total=2)
        bar.refresh()
        complain("bad.png: is damaged")
        bar.refresh()
        lines = screen.getvalue().split("\n")
    assert not stderr.getvalue()
    (line,) = (line for line in lines if "is damaged" in line)
    assert "working" not in line.split("bad.png")[1]
    complain("later")
    assert "later" in stderr.getvalue()


def test_lines_are_printed_as_they_are(capsys):
    say("[bold]labels[/bold] :smile: 3.14")
    assert capsys.readouterr().out == "[bold]labels[/bold] :smile: 3.14\n"


@pytest.fixture
def command():
    """A command that keeps the settings it was called with, and how to call it."""
    seen, app = [], typer.Typer()

    @app.command()
    @with_settings
    def show(*, name: str = "none", settings: Settings) -> None:
        """Show nothing."""
        seen.append((name, settings))

    def call(*arguments: str, code: int = 0):
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        assert result.exit_code == code, result.output
        return seen[-1] if not code else result.output

    call.app = app
    return call


def test_every_setting_is_an_option_with_its_help(command):
    said = CliRunner().invoke(command.app, ["--help"], env={"COLUMNS": "200"}).output
    plain = " ".join(said.replace("│", " ").split())
    for spec in fields(Settings):
        assert f"--{spec.name.replace('_', '-')}" in said
        assert spec.metadata["help"].split(".")[0][:40] in plain
    assert plain.count("By default as tuned for the model.") == len(TUNED)
    assert "--settings" not in said


def test_without_options_settings_are_those_of_the_model(command):
    assert command("--name", "x") == ("x", Settings())


def test_thresholds_of_the_card_give_way_to_those_that_are_given(
    command, tmp_path: Path
):
    path = tmp_path / "tuned.safetensors"
    tuned = {"probability_threshold": 0.35, "seed_threshold": 0.45}
    card = new_card(("probability", "flow_y", "flow_x"), thresholds=tuned)
    save_model(path, PMRNet(out_channels=3).state_dict(), card)
    _, settings = command("--model", path)
    assert (settings.probability_threshold, settings.seed_threshold) == (0.35, 0.45)
    _, settings = command("--model", path, "--seed-threshold", 0.2, "--exclude-border")
    assert (settings.probability_threshold, settings.seed_threshold) == (0.35, 0.2)
    assert settings.exclude_border and settings.model == str(path)


def test_a_former_name_of_a_model_is_followed(command, monkeypatch):
    monkeypatch.setitem(RENAMED, "cells 1.0", "nuclei")
    assert command("--model", "cells 1.0")[1] == Settings(model="nuclei")


@pytest.mark.parametrize("spec", fields(Settings), ids=lambda spec: spec.name)
def test_bounds_are_those_of_the_settings(command, spec):
    if "max" not in spec.metadata:
        return
    option = f"--{spec.name.replace('_', '-')}"
    assert option in command(option, spec.metadata["max"] + 1, code=2)


def test_a_progress_bar_shows_names_as_they_are(monkeypatch):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80)
    monkeypatch.setattr(shared, "console", console)
    with progress_bar() as bar:
        bar.add_task("split = a[/b][red]", total=2)
        bar.refresh()
    assert "split = a[/b][red]" in screen.getvalue()


def test_options_go_before_those_of_a_preset(command, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path)
    wanted = Settings(diameter=30, flips=True, seed_threshold=0.3, device="cpu")
    save_preset("mice", wanted)
    assert command("--preset", "mice") == ("none", wanted)
    path = write_preset(tmp_path / "other", wanted)
    both = command("--preset", path, "--diameter", 12, "--no-flips", "--name", "a")
    assert both == ("a", replace(wanted, diameter=12, flips=False))
    default = command("--preset", "mice", "--seed-threshold", 0.5, "--device", "auto")
    assert default[1] == replace(wanted, seed_threshold=0.5, device="auto")


def test_a_preset_that_is_not_there_is_named(command, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_config_path", lambda *_, **__: tmp_path)
    command("--preset", "mice", code=1)
