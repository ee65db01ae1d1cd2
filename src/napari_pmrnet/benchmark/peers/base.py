"""A program to be timed: its own way from image to labels, which it has no weights for.

Its network runs with random weights, which takes as long as with trained ones. What it
says is replaced by maps made from true labels, so that later steps have work to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import (
    PackageNotFoundError,
    packages_distributions,
    version,
)
from typing import Any

import numpy as np
from packaging.requirements import Requirement

from napari_pmrnet.benchmark.clock import Row

FAILURES = (ImportError, AttributeError, OSError, RuntimeError, TypeError, ValueError)


@dataclass
class Timed:
    """One program, ready for one image.

    Attributes
    ----------
    run : callable
        From the image to its labels, int (H, W).
    network : list of float
        Seconds that its network took in every run.
    note : str
        How it was set up.
    """

    run: Callable[[], np.ndarray]
    network: list[float]
    note: str = "random weights, later steps on maps of true labels"


@dataclass(frozen=True)
class Peer:
    """A program to compare with.

    Attributes
    ----------
    name : str
        As the table has it.
    requires : tuple of str
        What pip is asked to install, the program itself first.
    build : callable
        Given an image (H, W) and its true labels; returns a `Timed`.
    """

    name: str
    requires: tuple[str, ...]
    build: Callable[[np.ndarray, np.ndarray], Timed] = field(repr=False)

    @property
    def packages(self) -> tuple[str, ...]:
        """Names of the distributions."""
        return tuple(_distribution(Requirement(one).name) for one in self.requires)

    def lacks(self) -> str:
        """What has to be installed, in one line; empty if all is there."""
        for one in map(Requirement, self.requires):
            try:
                found = version(_distribution(one.name))
            except PackageNotFoundError:
                found = ""
            if not found or not one.specifier.contains(found, prereleases=True):
                there = f"{one.name} {found} does not fit" if found else "not installed"
                return f"{there}: pip install {' '.join(map(_quoted, self.requires))}"
        return ""


class Answered:
    """A network that runs and is timed, and in whose name other maps answer.

    Parameters
    ----------
    network : callable
    maps : Any
        What every call returns.
    """

    def __init__(self, network: Callable[..., object], maps: Any) -> None:
        self._network, self._maps = network, maps
        self.seconds: list[float] = []

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Run the network; return the maps."""
        started = time.perf_counter()
        self._network(*arguments, **options)
        self.seconds.append(time.perf_counter() - started)
        return self._maps


def build(
    peers: Sequence[Peer], image: np.ndarray, truth: np.ndarray
) -> tuple[Mapping[str, Timed], list[Row]]:
    """Build the peers that are installed, and try them once.

    Parameters
    ----------
    peers : sequence of Peer
    image : ndarray of uint8, shape (H, W)
    truth : ndarray of int, shape (H, W)
        Its true labels.

    Returns
    -------
    tuple
        What is to be timed by name, and rows that say why others are not.
    """
    built, missing = {}, []
    for peer in peers:
        note = peer.lacks()
        if not note:
            try:
                built[peer.name] = one = peer.build(image, truth)
                found = len(np.unique(one.run())) - 1
                one.note += f"; {found} nuclei"
            except FAILURES as error:
                built.pop(peer.name, None)
                note = f"not measured: {type(error).__name__}: {error}"
        if note:
            missing.append(Row(peer.name, note=" ".join(note.split())))
    return built, missing


def _distribution(name: str) -> str:
    """Name of what is installed, such as tensorflow-cpu for tensorflow."""
    try:
        version(name)
    except PackageNotFoundError:
        return packages_distributions().get(name, [name])[0]
    return name


def _quoted(requirement: str) -> str:
    """A requirement as one word for the shell."""
    return f'"{requirement}"' if set(requirement) & set("<>=!") else requirement
