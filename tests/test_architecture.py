"""The rooms of the code: who may import whom, and where tests are."""

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

CHECKOUT = Path(__file__).parents[1]
SOURCE, TESTS = CHECKOUT / "src" / "napari_pmrnet", CHECKOUT / "tests"

WITHOUT_TESTS_OF_THEIR_OWN = {
    # Nothing but declarations.
    "errors.py",
    "batch/events.py",
    "network/blocks.py",  # layers of torch, counted in network/test_pmrnet.py
    "plugin/widgets/layout.py",
    "plugin/widgets/model_events.py",
    # Work of a running cluster: batch/cluster/test_files.py starts one.
    "batch/cluster/blocks.py",
    # A command that only hands on: finetuning/test_job.py gives it.
    "cli/finetune.py",
    # Files of the dock and of the command: finetuning/test_job.py.
    "finetuning/sources.py",
    # Parts of a dock, tried by clicks and keys in its test_dock.py.
    "plugin/batch/panels.py",
    "plugin/layers/source_image.py",
    "plugin/measure/panel.py",
    "plugin/review/canvas.py",
    "plugin/review/controller.py",
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


def test_rooms_import_downwards_only(monkeypatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    monkeypatch.syspath_prepend(str(CHECKOUT / "src"))
    assert lint_imports(cache_dir=None, no_cache=True) == EXIT_STATUS_SUCCESS


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
