"""The process: memory that is kept, and a torch that does not load."""

import builtins
import sys

import pytest

from napari_pmrnet import _runtime
from napari_pmrnet._runtime import compute_threads, import_torch, keep_freed_memory
from napari_pmrnet.errors import SoftwareError


def failing(error: Exception):
    """An import that fails for torch alone."""
    real = builtins.__import__

    def imported(name, *arguments, **keywords):
        if name == "torch":
            raise error
        return real(name, *arguments, **keywords)

    return imported


def test_torch_that_is_there_is_given() -> None:
    assert import_torch() is sys.modules["torch"]


def test_libraries_that_do_not_load_are_told_with_the_remedy(monkeypatch) -> None:
    error = OSError("[WinError 1114] A dynamic link library failed: c10.dll")
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", failing(error))
        with pytest.raises(SoftwareError, match="WinError 1114.*Redistrib") as told:
            import_torch()
    assert "pip install --force-reinstall torch" in str(told.value)
    assert told.value.__cause__ is error


def test_a_missing_torch_is_named(monkeypatch) -> None:
    error = ModuleNotFoundError("No module named 'torch'", name="torch")
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", failing(error))
        with pytest.raises(SoftwareError, match="torch"):
            import_torch()


def test_other_systems_and_libraries_take_no_setting(monkeypatch) -> None:
    def nothing(_):
        raise OSError("no such library")

    with monkeypatch.context() as patch:
        patch.setattr(_runtime.ctypes, "CDLL", nothing)
        assert keep_freed_memory() is False
        patch.setattr(_runtime.ctypes, "CDLL", lambda _: object())
        assert keep_freed_memory() is False
        patch.setattr(_runtime.sys, "platform", "win32")
        assert keep_freed_memory() is False


def test_thresholds_of_the_allocator_are_raised(monkeypatch) -> None:
    asked = {}

    class Library:
        @staticmethod
        def mallopt(parameter: int, value: int) -> int:
            asked[parameter] = value
            return 1

    with monkeypatch.context() as patch:
        patch.setattr(_runtime.sys, "platform", "linux")
        patch.setattr(_runtime.ctypes, "CDLL", lambda _: Library)
        assert keep_freed_memory() is True
    # M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_THRESHOLD of malloc.h
    assert asked.keys() == {-1, -2, -3} and min(asked.values()) >= 2**28


@pytest.mark.parametrize(
    ("given", "threads"), [("3", 3), ("2,1", 2), ("", 4), ("0", 4), ("many", 4)]
)
def test_threads_without_torch_are_those_it_would_take(
    given: str, threads: int, monkeypatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr("psutil.cpu_count", lambda logical: None if logical else 4)
    monkeypatch.setattr(
        _runtime.os, "sched_getaffinity", lambda _: set(range(6)), raising=False
    )
    assert compute_threads() == threads


def test_threads_are_those_torch_was_told(monkeypatch) -> None:
    monkeypatch.setattr(import_torch(), "get_num_threads", lambda: 7)
    assert compute_threads() == 7


def test_threads_are_no_more_than_cores_that_may_be_used(monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("psutil.cpu_count", lambda logical: 16)
    monkeypatch.setattr(
        _runtime.os, "sched_getaffinity", lambda _: {0, 5}, raising=False
    )
    assert compute_threads() == 2
