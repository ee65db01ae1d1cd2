"""Flags that messages and help texts name: the command that tells of one has it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import napari_pmrnet
from napari_pmrnet.cli.app import app

FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")
OF_OTHER_PROGRAMS = {
    "_runtime.py",
    "_software.py",
    "batch/cluster/workers.py",
    "models/backends/devices.py",
}
"""What is told of pip, Dask and nvidia-smi."""
TOLD_BY = {
    "batch/task.py": ["segment"],
    "finetuning/sources.py": ["finetune"],
    "io/permit.py": ["benchmark", "data check", "evaluate", "models export", "segment"],
    "plugin/widgets/presets.py": ["evaluate", "segment"],
    "research/check.py": ["data check"],
    "research/readers/thyroid.py": ["data check", "evaluate", "train"],
    "research/registry.py": ["evaluate", "train"],
    "training/train.py": ["train"],
}
"""Commands that can end in a message that names a flag alone, by its module.

A message that others can end in too says which it is for: ``segment --strict``.
"""


def commands(group: TyperGroup, before: str = "") -> Iterator[tuple[str, TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{before}{name} ")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{before}{name}", command


def flags_of(command: TyperCommand) -> set[str]:
    return {flag for p in command.params for flag in (*p.opts, *p.secondary_opts)}


root = get_command(app)
assert isinstance(root, TyperGroup)
COMMANDS = dict(commands(root))
FLAGS = {name: flags_of(command) for name, command in COMMANDS.items()}


def told_in(path: Path) -> Iterator[str]:
    """Texts of a module in which a flag stands, without docstrings and bare flags."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }
    parts: set[int] = set()
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            texts = [one for one in node.values if isinstance(one, ast.Constant)]
            parts |= set(map(id, texts))
            text = "".join(
                str(one.value) if isinstance(one, ast.Constant) else "{}"
                for one in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in docstrings | parts:
            text = node.value if isinstance(node.value, str) else ""
        if not text.startswith("--") and FLAG.search(text):
            yield text


def wrong_in(text: str, told_by: list[str]) -> list[str]:
    """Flags of a text that the command it names before them, or one of these, lacks."""
    wrong = []
    for found in FLAG.finditer(text):
        before = text[: found.start()].rstrip("' ")
        named = [name for name in COMMANDS if re.search(rf"\b{name}$", before)]
        if not all(found[0] in FLAGS[name] for name in named or told_by):
            wrong.append(found[0])
        if not (named or told_by):
            wrong.append(found[0])
    return wrong


def test_a_message_names_flags_of_the_command_that_ends_in_it() -> None:
    source = Path(napari_pmrnet.__file__).parent
    wrong, known = {}, set()
    for path in source.rglob("*.py"):
        name = path.relative_to(source).as_posix()
        if name in OF_OTHER_PROGRAMS or name.startswith("cli/"):
            continue
        for text in told_in(path):
            known.add(name)
            if flags := wrong_in(text, TOLD_BY.get(name, [])):
                wrong[name, text] = flags
    assert not wrong
    assert set(TOLD_BY) <= known, "one that names none any more"


@pytest.mark.parametrize("name", COMMANDS)
def test_help_and_messages_of_a_command_name_its_own_flags(name: str) -> None:
    command = COMMANDS[name]
    helps = [command.help, *(getattr(p, "help", None) for p in command.params)]
    assert not [text for text in helps if text and wrong_in(text, [name])]
    callback = command.callback
    assert callback is not None
    place = Path(napari_pmrnet.__file__).parents[1] / Path(
        *callback.__module__.split(".")
    ).with_suffix(".py")
    beside = [n for n, c in COMMANDS.items() if _module(c) == callback.__module__]
    either = set().union(*(FLAGS[n] for n in beside))
    told = (flag for text in told_in(place) for flag in FLAG.findall(text))
    assert set(told) <= either


def _module(command: TyperCommand) -> str:
    return getattr(command.callback, "__module__", "")
