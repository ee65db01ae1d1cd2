"""Work of the dock "Models" in other threads, and the formats it offers."""

from __future__ import annotations

from pathlib import Path

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.export.write import (
    BIOIMAGEIO,
    ENDINGS,
    ONNX,
    ZIP,
    Exported,
    export_model,
)
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.models.importing import Incoming, read_model
from napari_pmrnet.models.library import LONGEST_NAME, check_name
from napari_pmrnet.plugin.widgets.formats import ExportFormat
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector

MOST_NUMBERS = 1000
FORMATS = {
    ZIP: ExportFormat(
        "Model and card (zip)",
        ENDINGS[ZIP],
        "Model and card (*.zip)",
        "Weights and card, to be imported by napari-pmrnet on another computer",
    ),
    ONNX: ExportFormat(
        "ONNX",
        ENDINGS[ONNX],
        "ONNX (*.onnx)",
        "The network for programs without Python or PyTorch",
    ),
    BIOIMAGEIO: ExportFormat(
        "bioimage.io package",
        ENDINGS[BIOIMAGEIO],
        "bioimage.io package (*.bioimageio.zip *.zip)",
        "The network as ONNX in the exchange format of the field",
    ),
}


def verifying(path: Path) -> Incoming:
    """Read and verify a model; runs in a worker thread."""
    with quiet_collector():
        load_torch()
        return read_model(path)


def exporting(
    name: str, path: Path, kind: str, overwrite: Overwrite = False
) -> Exported:
    """Export a model and check what was written; runs in a worker thread."""
    if kind == ZIP:
        return export_model(name, path, kind, overwrite=overwrite)
    with quiet_collector():
        load_torch()
        return export_model(name, path, kind, overwrite=overwrite)


def with_ending(path: Path, kind: str) -> Path:
    """The file that was meant, whatever ending was typed or forgotten."""
    ending = FORMATS[kind].suffix
    if path.name.lower().endswith((ending, f".{ending.rpartition('.')[2]}")):
        return path
    return path.with_name(f"{path.name}{ending}")


def refusal(name: str) -> str:
    """Reason why a new model cannot have a name, or nothing."""
    try:
        check_name(name)
    except WeightsError as error:
        return str(error)
    return ""


def free_name(name: str) -> str:
    """A name like the one wanted that a new model can have; may be empty."""
    numbered = (f"{name[: LONGEST_NAME - 5]} {n}" for n in range(2, MOST_NUMBERS))
    return next((one for one in (name, *numbered) if not refusal(one)), "")
