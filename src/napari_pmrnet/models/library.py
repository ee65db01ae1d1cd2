"""Models that there are, shipped and the user's own, without importing torch."""

from __future__ import annotations

import logging
import unicodedata
from functools import cache
from pathlib import Path

import platformdirs

from napari_pmrnet.errors import DataError, WeightsError
from napari_pmrnet.io.formats import FORBIDDEN_IN_NAMES
from napari_pmrnet.models.card import ModelCard, read_card

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent
RENAMED: dict[str, str] = {}
"""Former names of models that come with the package, and what they are called now."""
SUFFIX = ".safetensors"
LONGEST_NAME = 64
_MOST_BYTES = 200
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
_PORTS = {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³"}
_RESERVED = _DEVICES | _PORTS


def user_folder() -> Path:
    """Folder of the user's own models; made when the first one is written."""
    return platformdirs.user_data_path("napari-pmrnet", appauthor=False) / "models"


def check_weights_name(output: Path) -> None:
    """Raise DataError unless weights to be written have a name that weights have."""
    if output.suffix != SUFFIX:
        raise DataError(f"{output}: weights end in {SUFFIX}. Name such a file.")


def shipped_models() -> list[str]:
    """Names of the models that come with the package, sorted."""
    return sorted(path.stem for path in SHIPPED.glob(f"*{SUFFIX}"))


def user_models() -> list[str]:
    """Names of the user's own models, sorted.

    A file that has the name of a shipped model is none, since the shipped one goes
    first; so it is said, once a run.
    """
    shipped = {_same(name) for name in shipped_models()}
    folder = user_folder()
    names = []
    for path in folder.glob(f"*{SUFFIX}"):
        if not path.stem or not path.is_file():
            continue
        if _same(path.stem) in shipped:
            _tell_hidden(path.stem, folder)
        else:
            names.append(path.stem)
    return sorted(names, key=lambda name: (_same(name), name))


def available_models() -> list[str]:
    """Names of the shipped models, then of the user's own, each sorted."""
    return [*shipped_models(), *user_models()]


def current_name(name: str) -> str:
    """Name that a model has now, by the name in settings, a record or a script.

    A former name of a shipped model leads to it, which is said once a run, unless a
    model of the user has that name. Any other name, and a path, stays as it is.
    """
    if name not in RENAMED or name in available_models():
        return name
    _tell(name, RENAMED[name])
    return RENAMED[name]


@cache
def _tell(former: str, now: str) -> None:
    logger.warning(
        f"The model '{former}' is called '{now}' now; the old name leads to it."
    )


@cache
def _tell_hidden(name: str, folder: Path) -> None:
    logger.warning(
        f"Your own model '{name}' is not offered: a model of that name comes with the "
        f"package. Rename its two files in {folder}."
    )


def find_weights(name: str | Path) -> Path:
    """Path of the weights of a model, by its name now or before, or of a file.

    Raises
    ------
    WeightsError
        If there is no such model or file, or it is not a safetensors file.
    """
    text = str(name)
    if text.endswith(SUFFIX):
        path = Path(text).expanduser()
        if not path.is_file():
            raise WeightsError(f"{path} does not exist. Choose another model file.")
        return path
    text = current_name(text)
    for folder, names in ((SHIPPED, shipped_models()), (user_folder(), user_models())):
        if text in names:
            return folder / f"{text}{SUFFIX}"
    raise WeightsError(
        f"There is no model '{text}'. Models here: "
        f"{', '.join(available_models()) or 'none'}; or give the path of a "
        f"{SUFFIX} file. Other formats can run code when loaded and are refused."
    )


def model_with(weights_hash: str | None) -> str | None:
    """Name of a model here whose weights have a SHA-256; None if there is none."""
    for name in available_models():
        try:
            card = read_card(find_weights(name))
        except WeightsError:
            continue
        if card.sha256 == weights_hash:
            return name
    return None


def card_with(weights_hash: str | None) -> ModelCard | None:
    """Card of the model here that has these weights; None if there is none.

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    name = model_with(weights_hash)
    return None if name is None else read_card(find_weights(name))


def check_name(name: str, instead_of: str | None = None) -> None:
    """Refuse a name that a new model of the user cannot have.

    Parameters
    ----------
    name : str
        It becomes the name of a file, and has to be one on every system.
    instead_of : str, optional
        Name that is given up for it.

    Raises
    ------
    WeightsError
        If it is no legal file name of at most `LONGEST_NAME` characters, or is the
        name of a model that is there already, upper and lower case being the same.
    """
    wrong = fault_of_name(name)
    if wrong:
        raise WeightsError(f"{name!r} cannot be the name of a model: {wrong}.")
    for kind, names in (
        ("comes with the package", shipped_models()),
        ("is in the library already", user_models()),
    ):
        for known in names:
            if known != instead_of and _same(known) == _same(name):
                raise WeightsError(
                    f"'{name}' cannot be the name of a model: '{known}' {kind}."
                )


def place_for(name: str) -> Path:
    """Path for the weights of a new model, its folder made.

    Raises
    ------
    WeightsError
        If a new model cannot have that name.
    DataError
        If the folder cannot be made.
    """
    from napari_pmrnet.io.write import unwritable

    check_name(name)
    folder = user_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder / f"{name}{SUFFIX}"


def fault_of_name(name: str) -> str | None:
    """Reason why a name is not a legal file name everywhere; None if it is one."""
    if not name:
        return "it is empty"
    if len(name) > LONGEST_NAME:
        return f"it has {len(name)} characters, at most {LONGEST_NAME} are allowed"
    if not name.isprintable():
        return "it holds characters that cannot be printed"
    found = [character for character in FORBIDDEN_IN_NAMES if character in name]
    if found:
        return f"it holds {' '.join(found)}"
    if name[0] in " .-~" or name[-1] in " .":
        return "it begins with a space, '.', '-' or '~', or ends with a space or '.'"
    if name.split(".")[0].strip().lower() in _RESERVED:
        return "Windows keeps that name for a device"
    if name.lower().endswith((SUFFIX, ".json")):
        return "it has the ending of a file"
    if len(unicodedata.normalize("NFD", name).encode()) > _MOST_BYTES:
        return "it is too long for some file systems"
    return None


def _same(name: str) -> str:
    """Text that is equal for names that some file system takes for one and the same."""
    return unicodedata.normalize("NFKC", name).casefold()
