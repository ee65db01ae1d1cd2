"""Zip archives that are the same byte for byte whenever they are written."""

from __future__ import annotations

import zipfile

_EPOCH = (1980, 1, 1, 0, 0, 0)


def add_file(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Put a file into an archive without the time, so that archives can be compared."""
    member = zipfile.ZipInfo(name, _EPOCH)
    member.external_attr = 0o644 << 16
    archive.writestr(member, content, zipfile.ZIP_DEFLATED)
