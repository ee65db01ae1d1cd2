"""Models from elsewhere: read within limits and verified before anything is kept.

What comes in is data only, JSON and safetensors; nothing of it is ever executed.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models.card import (
    MOST_WEIGHTS,
    ModelCard,
    card_path,
    parse_card,
)
from napari_pmrnet.models.card_checks import MOST_CARD, CardError
from napari_pmrnet.models.library import SUFFIX

_MOST_ARCHIVE = MOST_WEIGHTS + MOST_CARD
_UNREADABLE = (
    OSError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Incoming:
    """A model that was read and verified.

    Attributes
    ----------
    source : Path
        File it came from.
    weights : bytes
        Content of the ``.safetensors`` file.
    card : ModelCard
    """

    source: Path
    weights: bytes
    card: ModelCard

    @property
    def name(self) -> str:
        """The name that its card gives it, or that of the file."""
        return self.card.name or self.source.stem


def read_model(path: str | Path) -> Incoming:
    """Read and verify a model; imports torch.

    Parameters
    ----------
    path : str or Path
        ``.safetensors`` file with its card beside it, or ``.zip`` of the two.

    Raises
    ------
    WeightsError
        If anything about it is not as it should be: names the file and what is wrong.
    """
    from napari_pmrnet.models.weights import state_fault

    path = Path(path).expanduser()
    weights, card_bytes = read_parts(path)
    try:
        card = parse_card(card_bytes)
    except CardError as error:
        _refuse(path, f"its card {error.fault}", error)
    fault = card.hash_fault(weights)
    if fault:
        _refuse(path, f"its weights are not those that its card describes ({fault})")
    fault = state_fault(weights, len(card.channels))
    if fault:
        _refuse(path, f"its weights {fault}")
    return Incoming(path, weights, card)


def read_parts(path: Path) -> tuple[bytes, bytes]:
    """Weights and card of a model on disk, none of it looked at.

    Raises
    ------
    WeightsError
        If a part is missing, too large or cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix not in (SUFFIX, ".zip"):
        _refuse(path, f"it is neither a {SUFFIX} file nor a .zip of weights and card")
    if not path.is_file():
        _refuse(path, "there is no such file")
    if suffix == ".zip":
        return _read_archive(path)
    card = card_path(path)
    if not card.is_file():
        _refuse(path, f"its card {card.name} is not beside it")
    return _read_file(path, MOST_WEIGHTS), _read_file(card, MOST_CARD)


def _read_file(path: Path, most: int) -> bytes:
    """Content of a file of at most so many bytes."""
    try:
        with path.open("rb") as stream:
            return _read_at_most(path, path.name, stream, most)
    except OSError as error:
        _refuse(path, f"it cannot be read ({error.strerror or error})", error)


def _read_archive(path: Path) -> tuple[bytes, bytes]:
    """Weights and card in a zip, whose names are never used as paths."""
    try:
        if path.stat().st_size > _MOST_ARCHIVE:
            _refuse(path, f"it is larger than {_megabytes(_MOST_ARCHIVE)}")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            parts = []
            for ending, most in ((SUFFIX, MOST_WEIGHTS), (".json", MOST_CARD)):
                (member,) = (m for m in members if m.filename.endswith(ending))
                if member.file_size > most:
                    _too_large(path, member.filename, most)
                with archive.open(member) as stream:
                    parts.append(_read_at_most(path, member.filename, stream, most))
    except WeightsError:
        raise
    except _UNREADABLE as error:
        _refuse(path, f"it is no zip file that can be read ({error})", error)
    return parts[0], parts[1]


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse a zip that is not one file of weights and one card."""
    names = [member.filename for member in members]
    odd = [name for name in names if not name.endswith((SUFFIX, ".json"))]
    if odd:
        _refuse(path, f"it holds {odd[0]!r}, which is neither weights nor card")
    if any(set(name) & set("/\\:") for name in names):
        _refuse(path, "it holds files in folders")
    if sorted(Path(name).suffix for name in names) != [".json", SUFFIX]:
        _refuse(path, f"it must hold one {SUFFIX} file and one .json card, no more")
    if any(member.flag_bits & 1 for member in members):
        _refuse(path, "it is locked by a password")


def _read_at_most(path: Path, name: str, stream: IO[bytes], most: int) -> bytes:
    """Content of a stream, of which no more than the limit is ever read."""
    content = stream.read(most + 1)
    if len(content) > most:
        _too_large(path, name, most)
    return content


def _too_large(path: Path, name: str, most: int) -> NoReturn:
    _refuse(path, f"{name!r} is larger than {_megabytes(most)}")


def _megabytes(size: int) -> str:
    return f"{size // 2**20} MB, the most that a model may have"


def _refuse(path: Path, why: str, cause: BaseException | None = None) -> NoReturn:
    """Say in one sentence what is wrong with which file."""
    line = " ".join(why.split())
    raise WeightsError(f"{path} cannot be imported: {line[:300]}.") from cause
