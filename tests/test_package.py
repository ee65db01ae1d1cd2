"""What the package promises before any image is opened.

Light imports, a core that runs without a viewer, a manifest whose names exist, and a
wheel that carries its weights.
"""

from __future__ import annotations

import ast
import email
import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_pmrnet

PACKAGE = Path(napari_pmrnet.__file__).parent
CHECKOUT = Path(__file__).parents[1]
WEIGHTS = PACKAGE / "models" / "nuclei.safetensors"
VIEWER = ("napari", "magicgui", "qtpy", "superqt", "vispy", "PyQt6", "PySide6")

needs_weights = pytest.mark.skipif(
    not WEIGHTS.exists(), reason=f"there is no {WEIGHTS.name} in this checkout"
)


def run_python(code: str, *arguments: str, **options) -> str:
    """Standard output of a new interpreter; its errors fail the test."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        **options,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_light():
    code = "import sys, napari_pmrnet; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = set(run_python(code).split())
    assert "napari_pmrnet" in loaded
    assert not loaded & {"torch", "skimage", "pandas", *VIEWER}


@pytest.mark.parametrize("own", [None, "ACTIVE"])
def test_threads_of_torch_sleep_while_they_wait(own):
    code = "import os, napari_pmrnet; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    if own:
        environment["OMP_WAIT_POLICY"] = own
    command = [sys.executable, "-c", code]
    told = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert told.stdout.strip() == (own or "PASSIVE")


def test_network_needs_nothing_else_of_the_package():
    code = "import sys, napari_pmrnet.network; print(*sys.modules)"
    ours = {m for m in run_python(code).split() if m.startswith("napari_pmrnet.")}
    assert ours
    assert all(name.startswith("napari_pmrnet.network") for name in ours)


IMPORT_WITHOUT_VIEWER = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[1:]:
            raise ImportError(f"{name} belongs to the plugin room")

sys.meta_path.insert(0, Blocked())
import napari_pmrnet

def visit(package):
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if info.name == "napari_pmrnet.plugin" or info.name.endswith("__main__"):
            continue
        module = importlib.import_module(info.name)
        print(info.name)
        if info.ispkg:
            visit(module)

visit(napari_pmrnet)
"""


def test_all_but_the_plugin_imports_without_a_viewer():
    imported = run_python(IMPORT_WITHOUT_VIEWER, *VIEWER).split()
    assert "napari_pmrnet.network.pmrnet" in imported


def imported_names() -> set[str]:
    """Top-level names that any module of the package imports, wherever it does so."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"napari_pmrnet"}


def test_every_import_is_declared():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    requirements = project["dependencies"]
    for extra in ("all", "cluster", "export", "openvino", "plots", "research"):
        requirements = requirements + extras[extra]
    declared = {r.split(">")[0].split("[")[0].strip().lower() for r in requirements}
    providers = packages_distributions()
    undeclared = {
        name
        for name in imported_names()
        if not {p.lower() for p in providers.get(name, [name])} & declared
    }
    assert not undeclared


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(PACKAGE / "napari.yaml")


def test_manifest_is_found_through_the_entry_point(manifest):
    installed = PluginManifest.from_distribution("napari-pmrnet")
    assert installed.contributions.commands == manifest.contributions.commands


def test_every_python_name_of_the_manifest_exists(manifest):
    commands = manifest.contributions.commands
    assert commands
    for command in commands:
        module, _, attribute = str(command.python_name).partition(":")
        assert callable(getattr(importlib.import_module(module), attribute)), command.id


def test_every_contribution_has_its_command(manifest):
    contributions = manifest.contributions
    declared = {command.id for command in contributions.commands}
    used = {
        item.command
        for kind in ("readers", "writers", "widgets", "sample_data")
        for item in getattr(contributions, kind) or []
        if hasattr(item, "command")
    }
    assert used
    assert used <= declared


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(folder)]
    subprocess.run([*command, str(CHECKOUT)], check=True, timeout=240)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_the_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "napari_pmrnet/napari.yaml" in names
    rooms = {name.split("/")[0] for name in names}
    assert {room.split("-")[0] for room in rooms} == {"napari_pmrnet"}


def test_wheel_says_its_licences_and_carries_their_texts(wheel):
    """Of the code, and of each of the weights that come with it."""
    about = metadata_of(wheel)
    licences = set(about["License-Expression"].split(" AND "))
    cards = (PACKAGE / "models").glob("*.json")
    told = [json.loads(card.read_text("utf-8"))["licences"] for card in cards]
    assert licences == {licence for card in told for licence in card.values()}
    texts = {Path(name).stem for name in about.get_all("License-File")}
    assert texts == {"LICENSE", *(licences - {"BSD-3-Clause"})}
    names = zipfile.ZipFile(wheel).namelist()
    for file in about.get_all("License-File"):
        assert any(name.endswith(f"licenses/{file}") for name in names)


def test_links_of_the_page_of_the_package_are_whole(wheel):
    """It is read on PyPI and the napari hub, far from the files of the checkout."""
    page = metadata_of(wheel).get_payload()
    links = re.findall(r"\]\(([^)\s]+)", page)
    assert any(link.endswith(".png") for link in links)
    heads = {
        re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads_of(page)
    }
    for link in links:
        assert link.startswith("https://") or link.removeprefix("#") in heads, link
        assert not (link.endswith(".png") and "/blob/" in link), link


def metadata_of(wheel: Path) -> Message:
    """What a wheel says of itself."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    return email.message_from_string(archive.read(name).decode())


def heads_of(page: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", page, re.MULTILINE)


LOAD_WEIGHTS = """
import sys, torch, napari_pmrnet
model = napari_pmrnet.load_model("nuclei", device="cpu")
out = model.predict_tiles(torch.zeros(1, 3, 64, 64))
print(napari_pmrnet.__file__, model.card.sha256)
"""


@needs_weights
def test_weights_load_from_the_installed_wheel(wheel, tmp_path):
    names = zipfile.ZipFile(wheel).namelist()
    assert "napari_pmrnet/models/nuclei.safetensors" in names
    assert "napari_pmrnet/models/nuclei.json" in names

    options = ["--quiet", "--no-deps", "--target", str(tmp_path)]
    command = [sys.executable, "-m", "pip", "install", *options, str(wheel)]
    subprocess.run(command, check=True, timeout=240)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{LOAD_WEIGHTS}"
    where, digest = run_python(code, cwd=tmp_path).split()
    assert Path(where).is_relative_to(tmp_path)
    assert len(digest) == 64
