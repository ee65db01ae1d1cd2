"""Writes constraints.txt anew: the newest versions that go together.

    python scripts/dev/renew_constraints.py

Of everything that any extra asks for, on every system and Python that is supported.
Needs uv. Run the tests afterwards, and commit what passes; ``tox -e newest`` shows
beforehand what does not.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
CONSTRAINTS = CHECKOUT / "constraints.txt"
HEAD = (
    "# Versions the project is developed and tested with. "
    "The package itself sets floors only.\n"
    "# Written by scripts/dev/renew_constraints.py.\n"
)


def main() -> None:
    """Resolve all extras and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--keep",
        action="append",
        default=[],
        metavar="NAME",
        help="leave this package at the version it has; give it again for more",
    )
    arguments = parser.parse_args()
    with (CHECKOUT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)
    lowest = project["project"]["requires-python"].removeprefix(">=")
    build = project["build-system"]["requires"]
    kept = [line for line in pins() if line.partition("==")[0] in arguments.keep]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "kept.txt").write_text("\n".join(kept), "utf-8")
        (folder / "build.in").write_text("\n".join(build), "utf-8")
        output = folder / "constraints.txt"
        command = [
            *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
            *("pyproject.toml", str(folder / "build.in")),
            *("--all-extras", "--universal", "--python-version", lowest),
            *("--no-emit-package", project["project"]["name"]),
            *("--constraint", str(folder / "kept.txt"), "--output-file", str(output)),
            *("--no-header", "--no-annotate", "--upgrade"),
        ]
        subprocess.run(command, cwd=CHECKOUT, check=True)
        resolved = output.read_text("utf-8").splitlines()
    CONSTRAINTS.write_text(HEAD + "".join(f"{line}\n" for line in resolved), "utf-8")
    print(f"{CONSTRAINTS.name}: {len(resolved)} packages")


def pins() -> list[str]:
    """Return the lines of constraints.txt that pin a package."""
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return [line for line in lines if "==" in line and not line.startswith("#")]


if __name__ == "__main__":
    main()
