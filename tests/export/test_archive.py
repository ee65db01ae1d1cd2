"""Archives are the same bytes whenever they are written."""

import io
import time
import zipfile

from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.export.archive import add_file


def packed(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            add_file(archive, name, content)
    return stream.getvalue()


NAMES = st.from_regex(r"[a-zA-Zäß0-9_.-]{1,20}", fullmatch=True)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=4))
def test_files_come_back_as_they_went_in(files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(files))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_the_clock_leaves_no_trace(monkeypatch) -> None:
    files = {"a.json": b"{}" * 500, "b.bin": bytes(range(256))}
    first = packed(files)
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.setattr(time, "localtime", lambda *_: time.gmtime(2_000_000_000))
    assert packed(files) == first
    assert len(first) < 1000, "not compressed"


def test_members_are_files_that_others_may_read() -> None:
    with zipfile.ZipFile(io.BytesIO(packed({"a": b""}))) as archive:
        (member,) = archive.infolist()
    assert member.external_attr >> 16 == 0o644 and not member.is_dir()
