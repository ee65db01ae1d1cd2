"""A process in which optional libraries are gone or broken, one after the other.

Run with the way in which they are ("gone", or the name of what their import raises), a
folder for files, and in JSON the words of a command that needs each library, and of one
that needs none of them. Prints in JSON what the command line and a dock say to each.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

DISTRIBUTIONS = {"bioimageio": "bioimageio.spec"}


class Hiding:
    """Finds what Python finds in its folders, but for one library."""

    hidden = ""

    @classmethod
    def find_spec(cls, name: str, path: Any = None, target: Any = None) -> Any:
        top = name.partition(".")[0]
        return None if top == cls.hidden else PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *words: Any) -> Iterator[Any]:
        gone = DISTRIBUTIONS.get(cls.hidden, cls.hidden)
        for found in PathFinder.find_distributions(*words):
            if found.metadata["Name"] != gone:
                yield found


@contextmanager
def without(library: str, way: str, folder: Path) -> Iterator[None]:
    """Have a library gone, or raise an error as it is imported."""
    forget(library)
    if way == "gone":
        sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
        Hiding.hidden = library
    else:
        stub = folder / f"stub of {library}" / library
        stub.mkdir(parents=True)
        (stub / "__init__.py").write_text(f"raise {way}('a part of it is damaged')\n")
        sys.path.insert(0, str(stub.parent))
    try:
        yield
    finally:
        if way == "gone":
            sys.meta_path[sys.meta_path.index(Hiding)] = PathFinder
        else:
            sys.path.pop(0)
        forget(library)


def forget(library: str) -> None:
    """Have a library imported anew."""
    sys.path_importer_cache.clear()
    for name in [n for n in sys.modules if n.partition(".")[0] == library]:
        del sys.modules[name]


def said_by(command: list[str]) -> str:
    """Exit status of the console script, and all that it prints."""
    from napari_pmrnet.cli.app import main

    sys.argv = ["napari-pmrnet", *command]
    printed = io.StringIO()
    with redirect_stdout(printed), redirect_stderr(printed):
        try:
            main()
        except SystemExit as ended:
            return f"{ended.code or 0} {printed.getvalue()}"
    return f"0 {printed.getvalue()}"


def shown_in_a_dock(command: list[str]) -> str:
    """What a dock says when the same is asked of it."""
    from napari_pmrnet.plugin.widgets.worker import Failure, drive, once

    def work() -> None:
        from napari_pmrnet.cli.app import app

        app(command, standalone_mode=False)

    steps = drive("Working", once(work))
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            told = ended.value
            return told.message if isinstance(told, Failure) else ""


def main() -> None:
    way, folder = sys.argv[1], Path(sys.argv[2])
    commands, usual = json.loads(sys.argv[3]), json.loads(sys.argv[4])
    said = {}
    for library, command in commands.items():
        with without(library, way, folder):
            said[library] = {
                "command": said_by(command),
                "dock": shown_in_a_dock(command),
                "usual": said_by(usual),
            }
    sys.stdout.write(f"\n{json.dumps(said)}\n")


if __name__ == "__main__":
    main()
