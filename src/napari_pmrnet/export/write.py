"""Models on their way out: as they are, as ONNX, as a package of bioimage.io."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.export.archive import add_file
from napari_pmrnet.io.formats import Format
from napari_pmrnet.io.permit import Inputs, Overwrite, Permit
from napari_pmrnet.io.write import checked_target, replace_file
from napari_pmrnet.models.card import card_path, read_verified
from napari_pmrnet.models.library import SUFFIX, find_weights

ZIP, ONNX, BIOIMAGEIO = "zip", "onnx", "bioimageio"
ENDINGS = {ZIP: ".zip", ONNX: ".onnx", BIOIMAGEIO: ".bioimageio.zip"}


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes
    ----------
    path : Path
    checked : str
        What running it has shown, in a sentence.
    """

    path: Path
    checked: str


def format_of(path: str | Path) -> str:
    """The format that the ending of a file name stands for.

    Raises
    ------
    WeightsError
        If it stands for none.
    """
    name = Path(path).name.lower()
    for kind in (BIOIMAGEIO, ONNX, ZIP):
        if name.endswith(ENDINGS[kind]):
            return kind
    raise WeightsError(
        f"{path}: choose a name that ends in {', '.join(ENDINGS.values())}, or name "
        "the format."
    )


def export_model(
    name: str,
    path: str | Path,
    kind: str | None = None,
    *,
    overwrite: Overwrite = False,
) -> Exported:
    """Write a model to a file and check what was written.

    Parameters
    ----------
    name : str
        Name of a model, shipped or not.
    path : str or Path
        File to write.
    kind : str, optional
        ``zip``: weights and card, to be imported elsewhere. ``onnx``: the network with
        its activations. ``bioimageio``: that in a model package. By default what the
        ending of `path` says.
    overwrite : bool or Permit
        Whether a file that is there may be replaced. The model itself never is.

    Raises
    ------
    WeightsError
        If there is no such model, or the exported one gives other maps than ours.
    PMRNetError
        If a package that the format needs is missing, or the file cannot be written.
    """
    kind = format_of(path) if kind is None else kind
    if kind not in ENDINGS:
        raise WeightsError(
            f"There is no format '{kind}'. Choose one of: {', '.join(ENDINGS)}."
        )
    weights = find_weights(name)
    own = Inputs((weights, card_path(weights)))
    permit = replace(Permit.of(overwrite), inputs=own)
    target = checked_target(path, Format.ONNX if kind == ONNX else Format.ZIP, permit)
    if kind == ZIP:
        return _export_zip(name, target, permit)
    if kind == ONNX:
        from napari_pmrnet.export.onnx import export_onnx

        return Exported(target, export_onnx(name, target, permit))
    from napari_pmrnet.export.bioimageio import export_package

    return Exported(target, export_package(name, target, permit))


def _export_zip(name: str, target: Path, permit: Permit) -> Exported:
    """Weights and card, as `import_model` takes them."""
    path = find_weights(name)
    weights, card = read_verified(path)
    stem = path.stem
    files = ((SUFFIX, weights), (".json", card.updated(name=stem).to_json()))

    def write(stream: BinaryIO) -> None:
        with zipfile.ZipFile(stream, "w") as archive:
            for ending, content in files:
                add_file(archive, f"{stem}{ending}", content)

    replace_file(target, write, permit)
    return Exported(target, "Weights and card belong together.")
