"""The user's own models: brought in, renamed, deleted.

Each is a ``.safetensors`` file with its card beside it. Weights are the last to come
and the first to go, so that an interrupted change leaves no weights without a card.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.io.alone import alone
from napari_pmrnet.io.permit import Permit
from napari_pmrnet.io.write import unwritable
from napari_pmrnet.models.card import card_path, read_card, write_card, write_model
from napari_pmrnet.models.importing import Incoming, read_model
from napari_pmrnet.models.library import (
    SUFFIX,
    check_name,
    current_name,
    find_weights,
    place_for,
    shipped_models,
    user_folder,
    user_models,
)

SECONDS = 10.0
"""Longest time to wait for another window that changes the library."""


def import_model(path: str | Path, name: str | None = None) -> str:
    """Verify a model from elsewhere and put it into the library.

    Parameters
    ----------
    path : str or Path
        ``.safetensors`` file with its card (``.json``) beside it, or a ``.zip`` of the
        two as `export_model` makes it.
    name : str, optional
        Name here; by default the one that its card gives.

    Returns
    -------
    str
        The name.

    Raises
    ------
    WeightsError
        If the hash, the network, the card or the name is not as it should be; nothing
        is kept then.
    DataError
        If the library cannot be written to.
    """
    if name is not None:
        check_name(name)
    model = read_model(path)
    name = model.name if name is None else name
    keep_model(model, name)
    return name


def keep_model(model: Incoming, name: str) -> None:
    """Put a model that was verified into the library.

    Raises
    ------
    WeightsError
        If it cannot have that name.
    DataError
        If the library cannot be written to; nothing is kept then.
    """
    with _changing():
        card = model.card.updated(name=name)
        place = place_for(name)
        card_path(place).unlink(missing_ok=True)
        write_model(place, model.weights, card, Permit(offered=False))


def rename_model(old: str, new: str) -> None:
    """Give one of the user's models another name.

    Raises
    ------
    WeightsError
        If there is no such model, it is a shipped one, or the name cannot be had.
    DataError
        If its files cannot be renamed.
    """
    with _changing():
        weights = own_weights(old)
        check_name(new, instead_of=old)
        card, before = read_card(weights), card_path(weights)
        target = weights.with_name(f"{new}{SUFFIX}")
        # A card without weights is no model, so the second one comes and goes first.
        write_card(target, card.updated(name=new), overwrite=True)
        is_same = os.path.samefile(before, card_path(target))
        try:
            os.replace(weights, target)
            if not is_same:
                before.unlink()
        except OSError as error:
            if weights.exists():
                write_card(weights, card, overwrite=True)
                if not is_same:
                    card_path(target).unlink()
            raise unwritable(weights, error) from error


def delete_model(name: str) -> None:
    """Delete one of the user's models from the disk.

    Raises
    ------
    WeightsError
        If there is no such model, or it is a shipped one.
    DataError
        If its files cannot be deleted.
    """
    with _changing():
        weights = own_weights(name)
        try:
            weights.unlink()
            card_path(weights).unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(weights, error) from error


def _changing() -> AbstractContextManager[None]:
    """Keep other windows and programs from changing the library meanwhile."""
    folder = user_folder()
    return alone(
        folder / ".changing",
        f"{folder}: another window or program is changing the models there. Try again.",
        SECONDS,
    )


def own_weights(name: str) -> Path:
    """Weights of one of the user's models.

    Raises
    ------
    WeightsError
        If there is no such model, or it comes with the package.
    """
    name = current_name(name)
    if name in shipped_models():
        raise WeightsError(
            f"'{name}' comes with the package: it can be neither renamed nor deleted."
        )
    if name not in user_models():
        find_weights(name)
        raise WeightsError(f"{name} is a file, not a model of the library.")
    return user_folder() / f"{name}{SUFFIX}"
