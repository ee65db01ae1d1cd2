"""The rooms of the code: who may import whom, and where tests are."""

import os
import subprocess
import sys
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS

CHECKOUT = Path(__file__).parents[1]
SOURCE, TESTS = CHECKOUT / "src" / "napari_pmrnet", CHECKOUT / "tests"

WITHOUT_TESTS_OF_THEIR_OWN = {
    # Nothing but declarations.
    "errors.py",
    "batch/events.py",
    "network/blocks.py",  # layers of torch, counted in network/test_pmrnet.py
    "plugin/widgets/model_events.py",
    # Work of a running cluster: batch/cluster/test_files.py starts one.
    "batch/cluster/blocks.py",
    # A command that only hands on: finetuning/test_job.py gives it.
    "cli/finetune.py",
    # What finetuning/test_sources.py and io/test_ome_set.py go through.
    "finetuning/label_files.py",
    "io/ome_xml.py",
    # Damaged, huge and foreign files: io/test_untrusted.py.
    "io/chunks.py",
    "io/memory.py",
    # Leave to write, and the disk: test_writers.py goes through all who ask.
    "io/permit.py",
    "io/settle.py",
    # Parts of a dock, tried by clicks and keys in its test_dock.py.
    "plugin/batch/keys.py",
    "plugin/batch/panels.py",
    "plugin/batch/shown.py",
    "plugin/measure/panel.py",
    "plugin/review/canvas.py",
    "plugin/review/panels.py",
    "plugin/train/panels.py",
}


def modules() -> list[str]:
    """Every module but the fronts of packages, by its path in the package."""
    return sorted(
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if not path.name.startswith("__")
    )


def mirror(module: str) -> Path:
    """Where the tests of a module are: the same folder, the name without underscore."""
    path = Path(module)
    return TESTS / path.with_name(f"test_{path.name.lstrip('_')}")


def test_rooms_import_downwards_only() -> None:
    """In a process of its own, since the linter sets up logging anew."""
    code = (
        "import sys\nfrom importlinter.cli import lint_imports\n"
        "sys.exit(lint_imports(cache_dir=None, no_cache=True))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={**os.environ, "PYTHONPATH": str(SOURCE.parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == EXIT_STATUS_SUCCESS, done.stdout + done.stderr


def test_every_module_has_its_tests_where_one_looks_for_them() -> None:
    missing = {name for name in modules() if not mirror(name).is_file()}
    unknown = missing - WITHOUT_TESTS_OF_THEIR_OWN
    assert not unknown, "write tests of: " + ", ".join(
        f"{name} in {mirror(name).relative_to(CHECKOUT)}" for name in sorted(unknown)
    )


def test_modules_that_go_without_tests_are_there_and_have_none() -> None:
    for name in WITHOUT_TESTS_OF_THEIR_OWN:
        assert (SOURCE / name).is_file(), f"{name} is gone: take it off the list"
        assert not mirror(name).exists(), f"{name} has tests: take it off the list"
