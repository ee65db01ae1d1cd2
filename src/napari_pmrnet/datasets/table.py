"""Split tables: which image belongs to which subset, and what else is known of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from napari_pmrnet.errors import DataError

SPLITS = ("train", "val", "test")
MODALITY = "modality"
"""Column with the kind of imaging."""
SPECKS = "specks_below"
"""Column with the area, in pixels, below which a nucleus of an image is a speck.

Specks are no nuclei for sure, and not surely none: they take no part in the loss, and
scores are given with and without them.
"""


def read_split_table(path: Path) -> pd.DataFrame:
    """The whole table, indexed by image_id.

    Parameters
    ----------
    path : Path
        CSV file with a column ``image_id``, one row an image.

    Returns
    -------
    DataFrame

    Raises
    ------
    DataError
        If it is no such table, an identifier is missing or there twice, or `SPECKS` are
        not told by numbers.
    """
    try:
        table = pd.read_csv(path, dtype={"image_id": str})
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a CSV table ({error}).") from error
    if "image_id" not in table.columns:
        raise DataError(f"{path}: has no column image_id. Add it, one row an image.")
    if table["image_id"].isna().to_numpy().any():
        raise DataError(f"{path}: has a row without image_id. Fill it or remove it.")
    table = table.set_index("image_id")
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"{path}: lists {twice} twice. Remove one of the rows.")
    if SPECKS in table and not is_numeric_dtype(table[SPECKS]):
        raise DataError(
            f"{path}: column {SPECKS} holds no numbers. Give areas in pixels."
        )
    return table


def column_of(table: pd.DataFrame, source: str | Path, name: str) -> pd.Series:
    """A column of the table, which must have it.

    Parameters
    ----------
    table : DataFrame
    source : str or Path
        Where the table comes from, for the message.
    name : str

    Returns
    -------
    Series

    Raises
    ------
    DataError
        If there is no such column.
    """
    if name not in table.columns:
        raise DataError(
            f"{source}: has no column {name}. It has: {', '.join(table.columns)}."
        )
    return table.loc[:, name]


def keep_subset(
    table: pd.DataFrame,
    source: str | Path,
    column: str,
    subset: str | tuple[str, ...] | None,
) -> pd.DataFrame:
    """Rows that belong to the subset or subsets; None keeps every row.

    Raises
    ------
    DataError
        If there is no such column, or a subset has no row.
    """
    if subset is None:
        return table
    wanted = (subset,) if isinstance(subset, str) else subset
    values = column_of(table, source, column)
    for value in wanted:
        _require_value(values, source, value)
    return table.loc[values.astype(str).isin(wanted)]


def unknown_subsets(
    table: pd.DataFrame,
    source: str | Path,
    column: str,
    subset: str | tuple[str, ...] | None,
) -> list[str]:
    """Lines on values that are none of `SPLITS`, where some of these are asked for."""
    wanted = (subset,) if isinstance(subset, str) else subset
    if wanted is None or not set(wanted) <= set(SPLITS):
        return []
    values = column_of(table, source, column).dropna().astype(str)
    others = values.loc[~values.isin(SPLITS)].value_counts()
    return [
        f"{source}: column {column} has '{value}' {number} times, which is none of "
        f"{', '.join(SPLITS)}. These images are not used."
        for value, number in others.items()
    ]


def drop_modality(
    kept: pd.DataFrame, whole: pd.DataFrame, source: str | Path, modality: str
) -> pd.DataFrame:
    """The rows kept so far that are not of a modality that the whole table knows.

    Raises
    ------
    DataError
        If the table knows no such modality, or no other row is left.
    """
    _require_value(column_of(whole, source, MODALITY), source, modality)
    left = kept.loc[kept[MODALITY].astype(str) != modality]
    if left.empty:
        raise DataError(
            f"{source}: without modality {modality} no row is left. Leave out another."
        )
    return left


def _require_value(column: pd.Series, source: str | Path, value: str) -> None:
    """Refuse a value that no row has."""
    values = set(column.dropna().astype(str))
    if value not in values:
        raise DataError(
            f"{source}: column {column.name} has no row '{value}'. "
            f"It has: {', '.join(sorted(values))}."
        )
