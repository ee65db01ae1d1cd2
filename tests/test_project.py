"""What the files around the code promise each other: versions, addresses, jobs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
WORKFLOWS = sorted((CHECKOUT / ".github" / "workflows").glob("*.yml"))
PYTHONS = [
    c.rpartition(" ")[2]
    for c in PROJECT["classifiers"]
    if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", c)
]


def read(name: str) -> str:
    return (CHECKOUT / name).read_text("utf-8")


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load(read(f".github/workflows/{name}.yml"))


def test_the_same_pythons_are_named_everywhere() -> None:
    assert PYTHONS[0] == PROJECT["requires-python"].removeprefix(">=")
    matrix = workflow("ci")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert len(matrix["system"]) == 3
    listed = re.findall(r"py\{([\d,]+)\}", read("tox.ini"))[0]
    assert listed.split(",") == [python.replace(".", "") for python in PYTHONS]
    setup = read("scripts/setup")
    assert f"from {PYTHONS[0]} to {PYTHONS[-1]}" in setup
    assert f"Python {PYTHONS[0]} to {PYTHONS[-1]}" in read("docs/install.md")


def test_workflows_run_environments_that_there_are() -> None:
    assert len(WORKFLOWS) >= 3
    ini = ConfigParser(interpolation=None)
    ini.read_string(read("tox.ini"))
    sections = " ".join(ini.sections())
    used: set[str] = set()
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values():
            matrix = job.get("strategy", {}).get("matrix", {})
            for step in job.get("steps", []):
                for name in re.findall(
                    r"tox run -e (\S+|\${{.*?}})", step.get("run", "")
                ):
                    key = step["run"].partition("matrix.")[2].split(" ")[0]
                    used.update(matrix[key] if key else [name])
    assert {"py", "lint", "types", "docs", "wheel", "napari-main"} <= used
    for name in used - {"py"}:
        first = name.partition("-py")[0]
        assert re.search(rf"[:{{,]{first}[}},]|:{first}\b", sections), name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_may_do_no_more_than_they_must(path: Path) -> None:
    text = yaml.safe_load(path.read_text("utf-8"))
    assert text["permissions"] == {"contents": "read"}
    for name, job in text["jobs"].items():
        assert "uses" in job or job["timeout-minutes"], name
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_what_is_published_was_tested_and_carries_the_version_of_the_tag() -> None:
    jobs = workflow("release")["jobs"]
    assert jobs["publish"]["needs"] == "build"
    assert jobs["build"]["needs"] == "ci"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert any("GITHUB_REF_NAME" in s.get("run", "") for s in jobs["build"]["steps"])


def test_a_release_is_named_alike() -> None:
    newest = re.findall(r"^## \[(\d\S*)\]", read("CHANGELOG.md"), re.MULTILINE)[0]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == newest
    assert PYPROJECT["tool"]["hatch"]["version"]["fallback-version"] == newest


def test_one_address_of_the_project() -> None:
    home = PROJECT["urls"]["Homepage"].removeprefix("https://github.com/")
    said = r"(?:github|githubusercontent)\.com/([\w-]+/napari-pmrnet)(?![\w-])"
    listed = subprocess.run(
        ["git", "ls-files", "*.md", "*.yml", "*.yaml", "*.toml", "*.cff", "examples"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("not a clone")
    for name in listed.stdout.splitlines():
        assert set(re.findall(said, read(name))) <= {home}, name


def version_in(folder: Path) -> str:
    """The version that a package built in a folder would have."""
    (folder / "pyproject.toml").write_text(read("pyproject.toml"), "utf-8")
    command = [sys.executable, "-m", "hatchling", "version"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1]


def git(folder: Path, *words: str) -> None:
    who = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b.c",
        "-c",
        "init.defaultBranch=main",
    )
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def test_the_version_is_that_of_the_tag_or_counts_on(tmp_path: Path) -> None:
    """A copy without git and a clone without tags have one too."""
    newest = PYPROJECT["tool"]["hatch"]["version"]["fallback-version"]
    assert version_in(tmp_path) == newest
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "all")
    assert re.match(r"0\.1\.1\.dev1\+g[0-9a-f]+", version_in(tmp_path))
    git(tmp_path, "tag", "v1.2.3")
    assert version_in(tmp_path) == "1.2.3"
    git(tmp_path, "commit", "--allow-empty", "-m", "more")
    assert version_in(tmp_path).startswith("1.2.4.dev1+g")


def test_the_version_of_a_shallow_clone(tmp_path: Path) -> None:
    whole, part = tmp_path / "whole", tmp_path / "part"
    whole.mkdir()
    git(whole, "init")
    for number in range(3):
        git(whole, "commit", "--allow-empty", "-m", str(number))
    git(tmp_path, "clone", "--depth", "1", whole.as_uri(), "part")
    assert re.match(r"0\.1\.1\.dev\d+\+g[0-9a-f]+", version_in(part))


def test_what_builds_the_package_is_there_for_its_tests() -> None:
    """The tests build a wheel with what is installed."""
    build = set(PYPROJECT["build-system"]["requires"])
    assert build <= set(PROJECT["optional-dependencies"]["test"])


def test_constraints_pin_what_is_declared() -> None:
    extras = PROJECT["optional-dependencies"].values()
    asked = {*PROJECT["dependencies"], *(one for extra in extras for one in extra)}
    names = {re.split(r"[\[<>=!;~ ]", one)[0] for one in asked} - {"napari-pmrnet"}
    pinned = {
        re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower()
        for line in read("constraints.txt").splitlines()
    }
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in names} <= pinned


def slug(head: str) -> str:
    """Anchor of a heading, as GitHub and mkdocs make it."""
    head = re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", head)
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


@pytest.mark.parametrize(
    "page",
    sorted(
        path.relative_to(CHECKOUT).as_posix()
        for folder in (CHECKOUT, CHECKOUT / "examples", CHECKOUT / "docs")
        for path in folder.glob("**/*.md" if folder.name == "docs" else "*.md")
    ),
)
def test_links_lead_to_files_and_headings_that_there_are(page: str) -> None:
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        path = (CHECKOUT / page).parent / name if name else CHECKOUT / page
        assert path.exists(), link
        if anchor and path.suffix == ".md":
            heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
            assert anchor in map(slug, heads), link
