"""Installs this checkout with the newest versions there are, or the lowest it declares.

PyTorch alone is the pinned one of constraints.txt: other builds are gigabytes. Needs uv
beside pip in the environment; tox calls it (environments newest and lowest).
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
RESOLUTIONS = {"newest": "highest", "lowest": "lowest-direct"}


def main() -> None:
    """Resolve the versions asked for and install them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=RESOLUTIONS)
    parser.add_argument(
        "--extras",
        default="all,research,test",
        help="of napari-pmrnet; napari and what it needs come with [all] only",
    )
    arguments = parser.parse_args()
    torch = pinned("torch")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "torch.txt").write_text(f"{torch}\n", "utf-8")
        versions = folder / "versions.txt"
        extras = [f"--extra={extra}" for extra in arguments.extras.split(",")]
        run(
            *("uv", "pip", "compile", "--quiet", "pyproject.toml", *extras),
            *("--resolution", RESOLUTIONS[arguments.which]),
            *("--constraint", folder / "torch.txt", "--python", sys.executable),
            *("--no-header", "--no-annotate", "--output-file", versions),
        )
        # First and by itself, so that a CPU build that pip was pointed to is taken.
        run("pip", "install", "--quiet", torch)
        target = f".[{arguments.extras}]"
        run("pip", "install", "--quiet", "--constraint", versions, "--editable", target)
    run("pip", "check")
    run("pip", "list", "--format=freeze")


def pinned(name: str) -> str:
    """The line of a package in constraints.txt."""
    text = (CHECKOUT / "constraints.txt").read_text("utf-8")
    found = re.search(rf"^{name}==\S+$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(f"constraints.txt does not pin {name}.")
    return found.group()


def run(module: str, *arguments: object) -> None:
    """Run a module of this Python in the checkout; what it fails with ends this."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=CHECKOUT)
    if done.returncode:
        raise SystemExit(f"{module} {arguments[0]} failed ({done.returncode}).")


if __name__ == "__main__":
    main()
