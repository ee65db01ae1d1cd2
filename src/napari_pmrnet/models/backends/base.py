"""What every backend does, in arrays of its own library; needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from napari_pmrnet.errors import PMRNetError


class BackendError(PMRNetError):
    """A backend that cannot run the network where another one may."""


class Device(str):
    """A device by torch's name for it: ``cpu``, ``cuda:0`` or ``mps``."""

    __slots__ = ()

    @property
    def type(self) -> str:
        """Its kind: ``cpu``, ``cuda`` or ``mps``."""
        return self.partition(":")[0]


class Maps(NamedTuple):
    """All that a network tells of N tiles, in float32, as arrays of its backend.

    ``logits`` is (N, C, h, w), ``certainty`` the raw PGRF map, ``full``, ``half`` and
    ``quarter`` the boundary gates at that scale and ``esconv`` the boundary map of the
    symplectic convolution, each (N, 1, h, w) or smaller.
    """

    logits: Any
    certainty: Any
    full: Any
    half: Any
    quarter: Any
    esconv: Any


class Arrays(Protocol):
    """What is done to planes (N, C, H, W) of float32 before and after the network.

    An array is of the backend's library, on its device; it can be added to another
    and divided by a number.
    """

    def put(self, tiles: Any) -> Any:
        """Tiles of NumPy or torch as an array."""
        ...

    def get(self, planes: Any) -> np.ndarray:
        """Planes as an array of NumPy."""
        ...

    def resize(self, planes: Any, size: Sequence[int]) -> Any:
        """Planes at another height and width: bilinear, antialiased if they shrink."""
        ...

    def flip(self, planes: Any, axes: Sequence[int], negated: Sequence[int]) -> Any:
        """Planes flipped along some axes, the signs of some channels changed."""
        ...

    def sigmoid(self, planes: Any, but: Sequence[int]) -> Any:
        """Sigmoid of every channel but some, which stay."""
        ...

    def join(self, planes: Sequence[Any]) -> Any:
        """Planes one after the other, along the channels."""
        ...


class Backend(Protocol):
    """The network, ready to run on one device; may be called by several threads.

    ``name`` is what the user is shown, ``dtype`` what it computes in, ``at_once`` how
    many calls are best under way at once, ``survives_fork`` whether it runs on, on a
    CPU, in a process that was forked.
    """

    name: str
    dtype: str
    at_once: int
    survives_fork: bool
    arrays: Arrays

    def begin(self, tiles: Any, beside: bool = False) -> Callable[[], Maps]:
        """Begin with tiles; what is returned waits for their maps.

        Parameters
        ----------
        tiles : array of float32, shape (N, 3, h, w)
            Of `arrays`; h and w are multiples of 8.
        beside : bool
            Whether `at_once` calls are to be under way, which share the processor.

        Raises
        ------
        BackendError
            If the backend fails, not the tiles; so may what is returned.
        """
        ...

    def prepare(self, height: int, width: int, beside: bool = False) -> None:
        """Do ahead what `begin` does when it first meets tiles of a size, if anything.

        Parameters
        ----------
        height, width : int
            Multiples of 8.
        beside : bool
            As for `begin`.

        Raises
        ------
        BackendError
            As `begin`.
        """
        ...
