"""NPY files that hold a Python object, read without running anything they name.

A pickle can call any function. Here only arrays of numbers and texts, and plain values,
are made, by code of this module: of what a file names, nothing of NumPy or Python is
called.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.reading import words

_KIND = re.compile(r"[biufUSO]\d{1,6}")
_ORDERS = "<>|="
_ARRAYS = ("numpy.core.multiarray", "numpy._core.multiarray")
_BUFFERS = ("numpy.core.numeric", "numpy._core.numeric")


def read_npy(path: str | Path) -> Any:
    """Array, or plain Python object, of an NPY file.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    ndarray, dict, list, str or a number
        Arrays in a dictionary are arrays.

    Raises
    ------
    DataError
        If it cannot be read, or names anything but arrays of numbers and plain values.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            version = npy.read_magic(stream)
            known = {(1, 0): npy.read_array_header_1_0}
            header = known.get(version, npy.read_array_header_2_0)
            _, _, dtype = header(stream)
            if dtype.hasobject:
                return _plain(_Plain(stream).load())
        return np.load(path, allow_pickle=False)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path}: is not opened, {error}. Export its labels as a TIFF."
        ) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error})."
        ) from error
    except Exception as error:
        raise DataError(
            f"{path}: cannot be read, it is no NPY file or is damaged "
            f"({words(error)}). Save it again."
        ) from error


class _Kind:
    """Type of the items of an array, as a pickle describes it."""

    def __init__(self, text: Any, *_: Any) -> None:
        if not (isinstance(text, str) and _KIND.fullmatch(text)):
            raise pickle.UnpicklingError(f"it holds an array of type {text!r:.40}")
        self._text, self._order = text, "="

    def __setstate__(self, state: Any) -> None:
        _, order, *more = state
        if order not in tuple(_ORDERS) or any(part is not None for part in more[:3]):
            raise pickle.UnpicklingError("it holds an array of a type of its own")
        self._order = order

    @property
    def is_object(self) -> bool:
        """Whether items are Python objects."""
        return self._text.startswith("O")

    @property
    def dtype(self) -> np.dtype:
        """Of numbers or texts."""
        if self.is_object:
            raise pickle.UnpicklingError("it holds objects where numbers belong")
        return np.dtype(f"{self._order}{self._text}")


class _Array:
    """An array that a pickle describes."""

    value: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, raw = state
        self.value = _made(raw, kind, shape, "F" if fortran else "C")


def _made(raw: Any, kind: Any, shape: Any, order: Any = "C") -> Any:
    """An array of its bytes; of objects the list of them, or the only one."""
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not (isinstance(kind, _Kind) and whole and order in ("C", "F")):
        raise pickle.UnpicklingError("it holds an array that is damaged")
    if kind.is_object:
        if not isinstance(raw, list) or len(raw) != math.prod(shape):
            raise pickle.UnpicklingError("it holds an array that is damaged")
        return raw if shape else raw[0]
    # A copy: what NumPy makes of bytes cannot be written to.
    return np.frombuffer(raw, kind.dtype).reshape(shape, order=order).copy()


def _from_buffer(raw: Any, kind: Any, shape: Any, order: Any) -> _Array:
    """An array, as newer pickles describe it."""
    array = _Array()
    array.value = _made(raw, kind, shape, order)
    return array


def _number(kind: Any, raw: Any) -> Any:
    """A number of NumPy, as one of Python."""
    return _made(raw, kind, ()).item()


def _bytes(text: Any, code: Any) -> bytes:
    """Bytes, as older pickles describe them."""
    if not isinstance(text, str) or code != "latin1":
        raise pickle.UnpicklingError("it holds bytes that are damaged")
    return text.encode("latin1")


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _bytes,
    **{(place, "_reconstruct"): lambda *_: _Array() for place in _ARRAYS},
    **{(place, "scalar"): _number for place in _ARRAYS},
    **{(place, "_frombuffer"): _from_buffer for place in _BUFFERS},
}


class _Plain(pickle.Unpickler):
    """Unpickles arrays and plain values alone."""

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for what arrays are made of; anything else is refused."""
        make = _KNOWN.get((module, name))
        if make is None:
            raise pickle.UnpicklingError(f"it would run code: it names {module}.{name}")

        # A new function each time: a pickle can set attributes of what it is given.
        def call(*args: Any) -> Any:
            return make(*args)

        return call


def _plain(value: Any) -> Any:
    """A value with arrays in the place of what stands for them, two levels deep."""
    value = value.value if isinstance(value, _Array) else value
    if not isinstance(value, dict):
        return value
    return {
        key: part.value if isinstance(part, _Array) else part
        for key, part in value.items()
    }
