"""Split tables: which image belongs to which subset, and what else is known of it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from napari_pmrnet.errors import DataError


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
        If it is no such table, or an identifier is missing or there twice.
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


def drop_modality(
    kept: pd.DataFrame, whole: pd.DataFrame, source: str | Path, modality: str
) -> pd.DataFrame:
    """The rows kept so far that are not of a modality that the whole table knows.

    Raises
    ------
    DataError
        If the table knows no such modality, or no other row is left.
    """
    _require_value(column_of(whole, source, "modality"), source, modality)
    left = kept.loc[kept["modality"].astype(str) != modality]
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
