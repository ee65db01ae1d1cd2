"""The examples for clusters: what they call exists, and what can be run here runs.

Snakemake, dask-jobqueue and the linters are there in ``tox -e cluster``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import yaml
from PIL import Image

from napari_pmrnet.cli.app import app
from napari_pmrnet.datasets.synthetic import make_fluorescence

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"
CALLING = sorted(
    path
    for path in EXAMPLES.rglob("*")
    if path.is_file() and "napari-pmrnet segment" in path.read_text("utf-8")
)


def options_of_segment() -> set[str]:
    """Every option that the command has."""
    from typer.main import get_command

    segment = get_command(app).commands["segment"]  # type: ignore[attr-defined]
    return {option for param in segment.params for option in param.opts}


@pytest.mark.parametrize("path", CALLING, ids=lambda path: path.name)
def test_examples_give_options_that_there_are(path: Path) -> None:
    calls = re.findall(r"napari-pmrnet segment((?:.|\\\n|\"\n *\")*)", path.read_text())
    assert calls
    given = {word for call in calls for word in re.findall(r"(?<!\S)--[a-z-]+", call)}
    assert given & {"--output", "--help"}
    assert given <= options_of_segment() | {"--help"}


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that are found first; ``napari-pmrnet`` is this one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    call = "from napari_pmrnet.cli.app import main; main()"
    write_program(
        folder / "napari-pmrnet", f"exec '{sys.executable}' -c '{call}' \"$@\""
    )
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def write_program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="SLURM is of Linux")
def test_an_array_of_slurm_runs_shards_and_then_all(programs, tmp_path, monkeypatch):
    said = tmp_path / "said"
    write_program(programs / "srun", f'echo "$OMP_NUM_THREADS $*" >> "{said}"')
    script = ["bash", str(EXAMPLES / "slurm" / "segment.sbatch"), "in put", "out"]
    note = tmp_path / "out" / ".napari-pmrnet" / "lock-2-of-3.json"
    note.parent.mkdir(parents=True)
    note.touch()
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "2")
    monkeypatch.setenv("SLURM_ARRAY_TASK_COUNT", "3")
    subprocess.run([*script, "--diameter", "30"], cwd=tmp_path, check=True)
    assert not note.exists()
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    subprocess.run(script, cwd=tmp_path, check=True)
    segment = "4 --ntasks=1 napari-pmrnet segment in put --output out"
    first, second = said.read_text().splitlines()
    assert first == f"{segment} --diameter 30 --shard 2/3" and second == segment


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for seed in range(3):
        image, _ = make_fluorescence((96, 96), n=6, seed=seed)
        Image.fromarray(image).save(folder / f"{seed}.png")
    return folder


def test_snakemake_leaves_what_one_run_leaves(programs, images, tmp_path) -> None:
    pytest.importorskip("snakemake")
    command = [
        *(sys.executable, "-m", "snakemake", "--cores", "1", "--directory", tmp_path),
        *("--snakefile", EXAMPLES / "snakemake" / "Snakefile"),
        *("--config", "images=images", "labels=parts", "shards=2", "threads=1"),
    ]
    subprocess.run([*map(str, command)], check=True, timeout=280)
    one = ["napari-pmrnet", "segment", str(images), "--output", str(tmp_path / "one")]
    subprocess.run(one, check=True, timeout=280, stdout=subprocess.DEVNULL)
    for path in sorted((tmp_path / "one").glob("*_labels.tif")):
        assert (tmp_path / "parts" / path.name).read_bytes() == path.read_bytes()
    ours, theirs = (
        pd.read_csv(tmp_path / name / "summary.csv").drop(columns="seconds")
        for name in ("parts", "one")
    )
    assert len(ours) == 3 and (ours["nuclei"] > 2).all()
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_worker_of_dask_jobqueue_is_a_job_with_all_its_cores() -> None:
    pytest.importorskip("dask_jobqueue")
    path = EXAMPLES / "slurm" / "dask_jobqueue.py"
    spec = importlib.util.spec_from_file_location("example_of_jobqueue", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    given = example.parser().parse_args(["a", "b", "--cores", "3", "--queue", "short"])
    with example.make_cluster(given) as cluster:
        job = cluster.job_script()
    assert "#SBATCH -p short" in job and "#SBATCH --cpus-per-task=3" in job
    assert "export OMP_NUM_THREADS=3" in job and "--nthreads 1" in job


@pytest.mark.parametrize(
    ("tool", "file"),
    [
        (["hadolint"], "container/Dockerfile"),
        (["shellcheck"], "slurm/segment.sbatch"),
        (["snakefmt", "--check"], "snakemake/Snakefile"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_linters_find_nothing(tool: list[str], file: str) -> None:
    beside = Path(sys.executable).with_name(tool[0])
    program = str(beside) if beside.exists() else shutil.which(tool[0])
    if program is None:
        pytest.skip(f"{tool[0]} is not installed")
    done = subprocess.run(
        [program, *tool[1:], str(EXAMPLES / file)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_images_of_both_builders_hold_the_same() -> None:
    folder = EXAMPLES / "container"
    docker = (folder / "Dockerfile").read_text()
    apptainer = (folder / "napari-pmrnet.def").read_text()
    extras = re.search(r"^ARG EXTRAS=(\S+)", docker, re.MULTILINE)[1]
    assert f"/src[{extras}]" in apptainer
    known = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras.split(",")) <= known["optional-dependencies"].keys()
    bases = re.findall(r"^FROM (\S+)", docker, re.MULTILINE)
    assert bases == re.findall(r"^From: (\S+)", apptainer, re.MULTILINE)


def test_the_recipe_of_conda_is_one_that_rattler_build_takes() -> None:
    rattler_build = pytest.importorskip("rattler_build")
    path = CHECKOUT / "recipe" / "recipe.yaml"
    recipe = rattler_build.Stage0Recipe.from_file(str(path))
    (rendered,) = recipe.render(rattler_build.VariantConfig())
    made = rendered.recipe
    assert made.package.name == "napari-pmrnet"
    assert made.build.to_dict()["noarch"] == "python"
    assert "python 3.11.*" in made.requirements.to_dict()["host"]


def test_the_recipe_of_conda_asks_for_what_the_package_does() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    recipe = yaml.safe_load((CHECKOUT / "recipe" / "recipe.yaml").read_text("utf-8"))
    other_names = {"torch": "pytorch"}

    def named(requirement: str) -> tuple[str, str]:
        name, versions = re.match(r"([\w.-]+)(?:\[\w+\])?\s*(.*)", requirement).groups()
        return other_names.get(name, name), versions

    run = {named(one) for one in recipe["requirements"]["run"]} - {
        ("python", ">=${{ python_min }}")
    }
    assert run == {named(one) for one in project["project"]["dependencies"]}
    host = {named(one) for one in recipe["requirements"]["host"]}
    assert {named(one) for one in project["build-system"]["requires"]} <= host
    assert recipe["about"]["license"] == project["project"]["license"]
    assert recipe["about"]["homepage"] == project["project"]["urls"]["Homepage"]
    lowest = f">={recipe['context']['python_min']}"
    assert lowest == project["project"]["requires-python"]
