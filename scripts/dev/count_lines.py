"""Count lines of code by room, without docstrings, comments and blank lines.

    python scripts/dev/count_lines.py [FOLDER ...]

By default ``src`` and ``scripts``. With ``--revision`` the files of that commit are
counted, so that two versions can be compared.
"""

from __future__ import annotations

import argparse
import ast
import io
import subprocess
import tokenize
from collections import Counter
from pathlib import PurePosixPath

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def count_code(source: str) -> int:
    """Return the number of lines that hold code.

    Parameters
    ----------
    source : str
        Text of a Python module.
    """
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def files_of(revision: str | None, folders: list[str]) -> dict[str, str]:
    """Return the text of every Python file git tracks, by its path.

    Parameters
    ----------
    revision : str or None
        A commit; None stands for the working tree.
    folders : list of str
    """
    tree = ["ls-tree", "-r", "--name-only", revision] if revision else ["ls-files"]
    paths = _git(*tree, "--", *folders).splitlines()
    python = [path for path in paths if path.endswith(".py")]
    if revision:
        return {path: _git("show", f"{revision}:{path}") for path in python}
    texts = {}
    for path in python:
        with open(path, encoding="utf-8") as stream:
            texts[path] = stream.read()
    return texts


def room_of(path: str) -> str:
    """Return the folder that a file counts for, such as ``src/napari_pmrnet/io``."""
    parts = PurePosixPath(path).parts
    return "/".join(parts[: min(len(parts) - 1, 3)])


def main() -> None:
    """Print a line a room, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", default=["src", "scripts"])
    parser.add_argument("--revision", help="a commit; by default the working tree")
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    for path, source in files_of(arguments.revision, arguments.folders).items():
        counts[room_of(path)] += count_code(source)
    for room, count in sorted(counts.items()):
        print(f"{count:7,}  {room}")
    print(f"{counts.total():7,}  in all")


def _git(*arguments: str) -> str:
    """Return what a git command prints."""
    return subprocess.run(
        ["git", *arguments], check=True, capture_output=True, text=True
    ).stdout


if __name__ == "__main__":
    main()
