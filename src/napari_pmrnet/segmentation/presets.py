"""Settings under a name: small JSON files in the user's folder of configurations."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import platformdirs

from napari_pmrnet.errors import DataError, WeightsError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.provenance import software
from napari_pmrnet.io.write import checked_target, replace_file, unwritable
from napari_pmrnet.models.library import fault_of_name, find_weights
from napari_pmrnet.settings import Settings

VERSION = 1
MOST_BYTES = 100_000
KEY = "napari_pmrnet_preset"


def preset_folder() -> Path:
    """Folder of the user's presets; made when the first one is saved."""
    place = platformdirs.user_config_path("napari-pmrnet", appauthor=False)
    return place / "presets"


def preset_names() -> list[str]:
    """Names of the user's presets, sorted."""
    return sorted(
        (path.stem for path in preset_folder().glob(f"*{Format.PRESET.ending}")),
        key=str.casefold,
    )


def save_preset(name: str, settings: Settings) -> Path:
    """Keep settings under a name; those that had it are replaced.

    Parameters
    ----------
    name : str
    settings : Settings

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    DataError
        If the name cannot be that of a file, or it cannot be written.
    """
    wrong = fault_of_name(name)
    if wrong:
        raise DataError(f"'{name}' cannot be the name of a preset: {wrong}.")
    folder = preset_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    return write_preset(_place(name), settings, overwrite=True)


def write_preset(
    path: str | Path, settings: Settings, *, overwrite: Overwrite = False
) -> Path:
    """Write settings to a file, to be used on another computer.

    Parameters
    ----------
    path : str or Path
        Without an ending .pmrnet-preset is added.
    settings : Settings
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    target = checked_target(path, Format.PRESET, overwrite)
    told = {KEY: VERSION, "software": software(), "settings": settings.as_dict()}
    replace_file(target, f"{json.dumps(told, indent=1)}\n".encode(), overwrite)
    return target


def delete_preset(name: str) -> None:
    """Delete a preset of the user.

    Raises
    ------
    DataError
        If it cannot be deleted.
    """
    try:
        _place(name).unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{_place(name)}: cannot be deleted ({error.strerror or error})."
        ) from error


def read_preset(name: str | Path) -> Settings:
    """Settings of a preset.

    Parameters
    ----------
    name : str or Path
        Of a preset of the user, or the path of a file by its ending.

    Returns
    -------
    Settings

    Raises
    ------
    DataError
        If there is no such preset, or its file is damaged, of a newer version, of
        something else, or names a model that is missing.
    """
    is_file = Format.of(name) is Format.PRESET
    path = Path(name).expanduser() if is_file else _place(str(name))
    if not is_file and str(name) not in preset_names():
        known = ", ".join(preset_names()) or "none"
        raise DataError(
            f"There is no preset '{name}'. Presets here: {known}; or give the path of "
            f"a {Format.PRESET.ending} file."
        )
    try:
        settings = Settings.from_dict(_values(_told(path)))
        find_weights(settings.model)
    except WeightsError as error:
        raise DataError(
            f"{path}: names a model that is missing. {error} Import the model, or "
            "choose another and save the preset again."
        ) from error
    except (ValueError, TypeError) as error:
        text = str(error)
        raise DataError(text if str(path) in text else f"{path}: {text}") from error
    return settings


def _place(name: str) -> Path:
    """File of a preset of the user."""
    return preset_folder() / f"{name}{Format.PRESET.ending}"


def _told(path: Path) -> dict[str, Any]:
    """What a file of a preset says."""
    try:
        with path.open("rb") as stream:
            text = stream.read(MOST_BYTES)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error})."
        ) from error
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("settings"), dict):
        raise DataError("is no preset of napari-pmrnet, or a damaged one.")
    if told.get(KEY) != VERSION:
        by = told.get("software") or "another version"
        raise DataError(
            f"is a preset that {by} wrote in a form that this version does not read. "
            "Update napari-pmrnet, or save the preset again."
        )
    return told


def _values(told: dict[str, Any]) -> dict[str, Any]:
    """The settings of a preset, each of its type."""
    hints, values = get_type_hints(Settings), told["settings"]
    names = {spec.name: spec.metadata["label"] for spec in fields(Settings)}
    unknown = ", ".join(f"'{name}'" for name in values if name not in names)
    if unknown:
        raise DataError(
            f"has settings that this version does not know ({unknown}), by "
            f"{told.get('software') or 'another version'}. Update napari-pmrnet."
        )
    for name, value in values.items():
        if not _is_of(value, get_args(hints[name]) or (hints[name],)):
            raise DataError(f"{names[name]} is {value!r}, which it cannot be.")
    return values


def _is_of(value: Any, kinds: tuple[Any, ...]) -> bool:
    """Tell whether a value of JSON is of one of some types; whole numbers are real."""
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (isinstance(value, int) and float in kinds)
