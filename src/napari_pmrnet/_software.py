"""Words for a library that is missing, too old, too new or broken.

A damaged file and a library that does not fit can raise the same types of error, so
where the error comes from decides. The versions needed are those that this package
declares for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.metadata import (
    PackageNotFoundError,
    packages_distributions,
    requires,
    version,
)
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from napari_pmrnet.errors import SoftwareError

OURS = "napari-pmrnet"
_DISTRIBUTIONS = {"PIL": "pillow", "bioimageio": "bioimageio.spec"}
_REQUIRES = re.compile(r"requires the '(\w+)' package")
_CANNOT_IMPORT = re.compile(r"cannot import name|No module named")
_WRONG_CALL = re.compile(
    r"unexpected keyword argument|positional arguments? |required keyword-only|"
    r"multiple values for|takes no (keyword )?arguments|abstract class|"
    r"is not callable|invalid keyword argument"
)
_WRONG_BUILD = re.compile(
    r"binary incompatibility|compiled using NumPy|(de|en)coder \w+ not available"
)
_PLAIN = ("builtins", "numpy", "collections", OURS.replace("-", "_"))


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Turn a failed import, whatever it raised, into a sentence on what to install.

    Parameters
    ----------
    extra : str
        Extra of this package that brings the library.
    what : str
        What needs it, as the sentence begins: ``"Exporting"``.

    Raises
    ------
    SoftwareError
        If a library is missing or cannot be loaded.
    """
    try:
        yield
    except Exception as error:
        told = misfit(error, what, extra=extra)
        if told is None:
            raise
        raise told from error


def bring(name: str, extra: str, what: str, who: str | None = None) -> Any:
    """Import a library of an extra that is of a version that is needed.

    Parameters
    ----------
    name : str
        Of the module, which the distribution is called by too.
    extra, what : str
        As for `needs`.
    who : str, optional
        As for `require`; by default `what`.

    Returns
    -------
    module

    Raises
    ------
    SoftwareError
        As `needs` and `require`.
    """
    with needs(extra, what):
        module = import_module(name)
    require(name, what if who is None else who)
    return module


def require(name: str, what: str) -> None:
    """Make sure that an installed library is of a version that is needed.

    Parameters
    ----------
    name : str
        Of the distribution, such as ``"tifffile"``. Where it is not installed nothing
        is said: whoever imports it says so.
    what : str
        What needs it.

    Raises
    ------
    SoftwareError
        If it is of another version.
    """
    found, wanted = _found(name), needed(name)
    if found is not None and not wanted.contains(found, prereleases=True):
        raise SoftwareError(
            f"{what}: {name} {found} is installed, but napari-pmrnet needs "
            f"{_joined(name, wanted)}: pip install --upgrade {_quoted(name, wanted)}"
        )


def misfit(
    error: BaseException, what: str, *libraries: str, extra: str | None = None
) -> SoftwareError | None:
    """The error as one of software; None if it is one of what was read or asked for.

    Parameters
    ----------
    error : BaseException
        Raised by a library, or by us on calling it.
    what : str
        File, or what was being done; the sentence begins with it.
    *libraries : str
        Distributions at work. Of a version that is not needed, they are at fault
        whatever the error; of others the first one is named if nothing tells which.
    extra : str, optional
        Extra of this package that brings what is missing.

    Returns
    -------
    SoftwareError or None
        One sentence with the library's name, the version found, the version needed and
        the command that mends it.
    """
    if isinstance(error, SoftwareError):
        return error
    try:
        for name in libraries:
            require(name, what)
    except SoftwareError as told:
        return told
    if isinstance(error, ModuleNotFoundError) and error.name:
        name = _distribution(error.name)
        if "." not in error.name or _found(name) is None:
            return _missing(name, what, extra)
    text = " ".join(str(error).split()) or type(error).__name__
    named = _REQUIRES.search(text)
    if named:
        # tifffile goes on without a package that is there and does not load.
        absent = _found(named[1]) is None
        told = _missing(named[1], what, extra) if absent else None
        return told or _unfit(named[1], what, text[:160], broken=True)
    if not _is_of_software(error, text):
        return None
    name = _blamed(error) or (libraries[0] if libraries else None)
    if name is None:
        return None
    why = f"{type(error).__name__}: {text[:160]}"
    return _unfit(name, what, why, _is_broken(error, text))


def is_bug(error: BaseException) -> bool:
    """Tell whether our own code, and nothing that it was given, raised an error."""
    module = _frames(error)[-1].f_globals.get("__name__", "") if _frames(error) else ""
    kinds = (AttributeError, NameError, AssertionError)
    if not isinstance(error, kinds) or _top(module) != _top(__name__):
        return False
    owner = getattr(error, "obj", None)
    plain = owner is None or _top(_module_of(owner)) in ("builtins", "numpy")
    return not isinstance(error, AttributeError) or not plain


def needed(name: str) -> SpecifierSet:
    """Versions of a distribution that this package declares to need.

    Parameters
    ----------
    name : str

    Returns
    -------
    SpecifierSet
        Of all extras together; empty, which any version fits, if it declares none.
    """
    return _declared().get(_canonical(name), SpecifierSet())


@cache
def _declared() -> dict[str, SpecifierSet]:
    """Versions needed, by the name of the distribution."""
    found: dict[str, SpecifierSet] = {}
    try:
        lines = requires(OURS) or []
    except PackageNotFoundError:
        return found
    for line in lines:
        try:
            one = Requirement(line)
        except InvalidRequirement:
            continue
        name, extra = _canonical(one.name), {"extra": ""}
        if one.marker is not None:
            named = re.search(r"""extra == ['"]([\w-]+)['"]""", str(one.marker))
            extra = {"extra": named[1] if named else ""}
            if not one.marker.evaluate(extra):
                continue
        found[name] = found.get(name, SpecifierSet()) & one.specifier
    return found


def _missing(name: str, what: str, extra: str | None) -> SoftwareError:
    """The sentence on a library that is not installed."""
    wanted = needed(name)
    fits = f" ({_joined(name, wanted)})" if len(wanted) else ""
    install = f'"{OURS}[{extra}]"' if extra else _quoted(name, wanted)
    return SoftwareError(
        f"{what} needs the package {name}{fits}, which is not installed: "
        f"pip install {install}"
    )


def _unfit(name: str, what: str, why: str, broken: bool) -> SoftwareError:
    """The sentence on a library that is installed and does not do what it should."""
    found, wanted = _found(name), needed(name)
    if broken:
        fault = f"{name} {found} does not load for napari-pmrnet {_found(OURS)}"
        mend = f"--force-reinstall {_quoted(name, wanted)}"
    else:
        fault = f"{name} {found} does not fit napari-pmrnet {_found(OURS)}"
        below = wanted & SpecifierSet(f"<{found}") if found else wanted
        lowest = [Version(s.version) for s in wanted if s.operator in (">=", "==")]
        older = found is not None and lowest and max(lowest) < Version(found)
        mend = _quoted(name, below) if older else f"--upgrade {_quoted(name, wanted)}"
    needs = f"which needs {_joined(name, wanted)} " if len(wanted) else ""
    return SoftwareError(f"{what}: {fault}, {needs}({why}): pip install {mend}")


def _is_of_software(error: BaseException, text: str) -> bool:
    """Tell whether a library, and not what it was given, is at fault.

    tifffile compares whatever a damaged header holds: then a TypeError, or an
    AttributeError of a plain value, is of the file.
    """
    if isinstance(error, ImportError) or _WRONG_BUILD.search(text):
        return True
    if _is_at_import(error) or _is_of_source(error):
        return True
    if isinstance(error, NameError):
        return not isinstance(error, UnboundLocalError)
    if isinstance(error, AttributeError):
        owner = error.obj
        if isinstance(owner, ModuleType | type):
            return _top(_module_of(owner)) != "builtins"
        return owner is not None and _top(_module_of(owner)) not in _PLAIN
    return isinstance(error, TypeError) and bool(_WRONG_CALL.search(text))


def _is_broken(error: BaseException, text: str) -> bool:
    """Tell whether a library does not load, rather than being of another version."""
    if isinstance(error, ImportError):
        return not _CANNOT_IMPORT.search(text)
    if _WRONG_BUILD.search(text) or _is_of_source(error):
        return True
    # What an import lacks of another library tells of versions.
    lacks = isinstance(error, AttributeError | NameError | TypeError)
    return _is_at_import(error) and not lacks


def _is_at_import(error: BaseException) -> bool:
    """Tell whether a module raised an error while it was imported."""
    return any(frame.f_code.co_name == "<module>" for frame in _frames(error)[1:])


def _is_of_source(error: BaseException) -> bool:
    """Tell whether the source of a module is damaged or of another Python."""
    return isinstance(error, SyntaxError) and str(error.filename).endswith(".py")


def _blamed(error: BaseException) -> str | None:
    """The installed distribution that an error comes from, if that can be told."""
    candidates = []
    if isinstance(error, SyntaxError) and error.filename:
        place = Path(error.filename)
        candidates += [place.stem, *(folder.name for folder in place.parents)]
    if isinstance(error, ImportError) and error.name:
        candidates.append(error.name)
    if isinstance(error, AttributeError) and error.obj is not None:
        candidates.append(_module_of(error.obj))
    candidates += [
        frame.f_globals.get("__name__", "") for frame in reversed(_frames(error))
    ]
    for module in filter(None, candidates):
        name = _distribution(module)
        if _top(module) not in _PLAIN and _found(name) is not None:
            return name
    return None


def _frames(error: BaseException) -> list:
    """Frames of an error's traceback, where it was raised last."""
    frames, step = [], error.__traceback__
    while isinstance(step, TracebackType):
        frames.append(step.tb_frame)
        step = step.tb_next
    return frames


def _module_of(owner: object) -> str:
    """Name of the module that something is, or that defines it or its type."""
    if isinstance(owner, ModuleType):
        return owner.__name__
    kind = owner if isinstance(owner, type) else type(owner)
    return kind.__module__


def _top(module: str) -> str:
    """First part of a module's name."""
    return module.partition(".")[0]


def _distribution(module: str) -> str:
    """Name of the distribution that brings a module."""
    top = _top(module)
    known = _DISTRIBUTIONS.get(top) or next(iter(_provided().get(top, ())), None)
    return known or top.replace("_", "-")


@cache
def _provided() -> dict[str, list[str]]:
    """Distributions by the modules they bring; slow, so found once."""
    return dict(packages_distributions())


def _found(name: str) -> str | None:
    """Installed version, without the mark of its build; None if not installed."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    """Name of a distribution as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _joined(name: str, wanted: SpecifierSet) -> str:
    """Name and versions as pip takes them, the lowest version first."""
    parts = sorted({str(one) for one in wanted}, key=lambda one: one.startswith("<"))
    return name + ",".join(parts)


def _quoted(name: str, wanted: SpecifierSet) -> str:
    """Name and versions as one word for the shell."""
    joined = _joined(name, wanted)
    return name if joined == name else f'"{joined}"'
