"""How the labels of a file, or of the folder of a run, were made."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from napari_pmrnet.batch.run_log import entries_of
from napari_pmrnet.errors import DataError, PMRNetError
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.label_zarr import label_zarr_tag
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.tiff import labels_said, open_tiff
from napari_pmrnet.segmentation.description import describe


def describe_path(path: Path) -> str:
    """Describe how labels were made.

    Parameters
    ----------
    path : Path
        Label file, or output folder of a batch.

    Returns
    -------
    str
        See `describe`.

    Raises
    ------
    DataError
        If there is no such file or folder, or it does not tell.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder.")
    if path.is_dir() and label_zarr_tag(path) is None:
        return _describe_folder(path)
    try:
        return describe([_made(path)])
    except DataError as error:
        text = str(error)
        raise DataError(text if str(path) in text else f"{path}: {text}") from error


def _describe_folder(folder: Path) -> str:
    """Describe a run by the labels that it has left."""
    entries = [entry for entry in entries_of(folder).values() if entry.key]
    if not entries:
        raise DataError(
            f"{folder}: holds no run of napari-pmrnet. Name its output folder, or a "
            "label file."
        )
    made, links = [], {entry.key.get("link") for entry in entries if entry.key}
    for entry in entries:
        with suppress(PMRNetError, OSError):
            made.append(_made(folder / entry.row.labels))
    if not made:
        raise DataError(f"{folder}: none of its labels are there any more.")
    text = describe(made, link=links.pop() if len(links) == 1 else None)
    missing = len(entries) - len(made)
    if missing:
        files = "file is" if missing == 1 else "files are"
        text += f" ({missing} label {files} gone or damaged, and not described.)"
    return text


def _made(path: Path) -> Provenance:
    """What labels say of themselves."""
    tag = label_zarr_tag(path)
    if tag is not None:
        return tag.provenance
    if Format.of(path) is not Format.TIFF:
        return Provenance()
    with open_tiff(path) as tiff:
        return labels_said(tiff) or Provenance()
