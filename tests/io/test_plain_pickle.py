"""Objects of NPY files: arrays come out whole, and nothing is ever run."""

from __future__ import annotations

import os
import pickle
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.plain_pickle import read_npy

KINDS = ("u1", "<u2", ">i4", "<i8", "<f4", ">f8", "?", "<U5", "S3")
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(st.text(max_size=3), parts, max_size=3)
    ),
    max_leaves=6,
)


def saved(path: Path, value: Any, protocol: int | None = None) -> Path:
    """As numpy.save does it, in any protocol of pickle."""
    holder = np.empty((), object)
    holder[()] = value
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(
            stream, np.lib.format.header_data_from_array_1_0(holder)
        )
        pickle.dump(holder, stream, protocol=protocol)
    return path


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(KINDS).flatmap(
        lambda kind: arrays(kind, array_shapes(min_dims=1, max_dims=3, max_side=5))
    ),
    anything,
    st.integers(3, pickle.HIGHEST_PROTOCOL),
    st.booleans(),
)
def test_arrays_and_plain_values_come_out_as_they_went_in(
    tmp_path, array, value, protocol, fortran
) -> None:
    array = np.asfortranarray(array) if fortran else array
    number = np.float32(1.5)
    whole = {"masks": array, "more": value, "est_diam": number}
    found = read_npy(saved(tmp_path / "a.npy", whole, protocol))
    assert found["masks"].dtype == array.dtype
    assert found["masks"].tobytes() == array.tobytes(), "not a number too"
    assert found["more"] == value and found["est_diam"] == 1.5
    assert found["masks"].flags.writeable


def test_files_of_numpy_itself(tmp_path) -> None:
    masks = np.arange(12, dtype=np.uint16).reshape(3, 4)
    np.save(tmp_path / "a.npy", {"masks": masks, "ismanual": np.zeros(3, bool)})
    assert np.array_equal(read_npy(tmp_path / "a.npy")["masks"], masks)
    np.save(tmp_path / "b.npy", masks)
    assert np.array_equal(read_npy(tmp_path / "b.npy"), masks)
    old = read_npy(saved(tmp_path / "c.npy", {"masks": masks}, 2))
    assert np.array_equal(old["masks"], masks)


class Bad:
    def __init__(self, call: Any, *args: Any) -> None:
        self._made = call, args

    def __reduce__(self) -> Any:
        return self._made


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "bad",
    [
        lambda mark: Bad(os.system, f"touch {mark}"),
        lambda mark: Bad(eval, f"open({str(mark)!r}, 'w')"),
        lambda mark: Bad(Path.touch, mark),
        lambda mark: Bad(getattr, dict, "clear"),
        lambda mark: Bad(np.load, str(mark)),
        lambda mark: Bad(bytearray, 10**12),
    ],
)
def test_what_would_run_is_refused_wherever_it_stands(tmp_path, protocol, bad) -> None:
    mark = tmp_path / "mark"
    holder = np.empty(1, object)
    holder[0] = bad(mark)
    for value in (bad(mark), {"masks": bad(mark)}, {"x": [holder]}):
        path = saved(tmp_path / "a.npy", value, protocol)
        with pytest.raises(DataError, match="would run code"):
            read_npy(path)
    assert not mark.exists()


def opcodes(*parts: bytes) -> bytes:
    """A pickle that is written by hand."""
    return b"".join(parts)


@pytest.mark.parametrize(
    "text",
    [
        # An extension of copyreg, a persistent object, a class by its stack.
        b"\x80\x02\x82\x01.",
        b"Pfile\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        # State for a function: attributes of what the reader itself uses.
        b"cnumpy\ndtype\n}(S'__code__'\nI1\nub.",
        b"cnumpy\nndarray\nN}(S'__defaults__'\nN u\x86b.",
        # Items that are addresses of memory: a type of objects that says it has none.
        b"cnumpy\ndtype\n(S'O8'\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntb.",
        b"cnumpy\ndtype\n(S'V8'\ntR.",
        b"cnumpy\ndtype\n(S'i4,O'\ntR.",
        b"cnumpy.core.multiarray\n_reconstruct\n(tR(I1\n(I9\ntcnumpy\ndtype\n"
        b"(S'i8'\ntRI00\nS'short'\ntb.",
        b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\ntRS'12345678'\ntR.",
        b"",
        b"garbage",
    ],
)
def test_pickles_made_by_hand_run_nothing(tmp_path, text) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as stream:
        header = np.lib.format.header_data_from_array_1_0(np.empty((), object))
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(text)
    before = read_npy.__globals__["_KNOWN"].copy()
    try:
        value = read_npy(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert not isinstance(value, np.ndarray) or value.dtype != object
    assert read_npy.__globals__["_KNOWN"] == before


def test_a_pickle_cut_anywhere_is_refused_or_read(tmp_path) -> None:
    path = saved(tmp_path / "a.npy", {"masks": np.arange(6, dtype=np.uint8)}, 4)
    whole = path.read_bytes()
    assert list(pickletools.genops(whole[128:]))
    for end in range(0, len(whole) - 1, 3):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError):
            read_npy(path)


def test_files_that_are_none(tmp_path) -> None:
    with pytest.raises(DataError, match="none.npy"):
        read_npy(tmp_path / "none.npy")
    (tmp_path / "a.npy").write_bytes(b"no numpy")
    with pytest.raises(DataError, match="no NPY file"):
        read_npy(tmp_path / "a.npy")
