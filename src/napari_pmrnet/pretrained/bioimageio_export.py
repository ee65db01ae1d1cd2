"""A model as a package of bioimage.io, the exchange format of the field.

The package holds the ONNX network and no code: whoever runs it runs a graph of known
operations. What it needs around it, intensities and windows, is described in its
documentation.
"""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.io.atomic import replace_file
from napari_pmrnet.pretrained.bioimageio_readme import purpose, readme
from napari_pmrnet.pretrained.onnx_export import (
    INPUT,
    OPSET,
    OUTPUT,
    check_export,
    load_for_export,
    needed,
    onnx_bytes,
    sample_windows,
)
from napari_pmrnet.segmentation.kind import (
    INSTANCES,
    class_names,
    kind_of,
    sees_whole,
)

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

DESCRIPTION = "rdf.yaml"
WEIGHTS, DOCUMENTATION, COVER = "weights.onnx", "README.md", "cover.png"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
TAGS = {
    INSTANCES: ["nuclei", "instance-segmentation", "2d", "fluorescence", "histology"]
}
CITATIONS = (
    (
        'B. Kang, "PMRNet: Physics-informed Multi-scale Refinement Network for Medical '
        'Image Segmentation", CVPR 2026, pp. 15659-15668. This is an independent '
        "implementation.",
        {"url": "https://openaccess.thecvf.com/CVPR2026"},
    ),
    (
        'J. C. Caicedo et al., "Nucleus segmentation across imaging experiments: the '
        '2018 Data Science Bowl", Nature Methods 16, 1247-1253 (2019).',
        {"doi": "10.1038/s41592-019-0612-7"},
    ),
)


def export_package(name: str, target: Path) -> str:
    """Write a model as a package of bioimage.io and run it against ours.

    Parameters
    ----------
    name : str
        Name of a model, or path of its weights.
    target : Path
        Zip file to write; nothing is written if a check fails.

    Returns
    -------
    str
        What the checks have shown, in a sentence.

    Raises
    ------
    PMRNetError
        If a package of the extra ``export`` is missing.
    WeightsError
        If the exported model gives other maps than ours, or its description is not
        valid.
    """
    spec = needed("bioimageio.spec")
    model = load_for_export(name)
    content = onnx_bytes(model)
    windows = sample_windows(model.window)[0][1:]
    checked = check_export(content, model)
    maps = model.predict_windows(windows)
    files = {
        WEIGHTS: content,
        DOCUMENTATION: readme(model).encode(),
        COVER: _cover(windows[0], maps[0]),
        TEST_INPUT: _npy(windows),
        TEST_OUTPUT: _npy(maps),
    }
    with tempfile.TemporaryDirectory() as folder:
        for file, data in files.items():
            (Path(folder) / file).write_bytes(data)
        files[DESCRIPTION] = _description(spec, model, Path(folder))
    replace_file(target, lambda stream: _write(stream, files))
    return f"{checked} The description is valid."


def _write(stream: BinaryIO, files: dict[str, bytes]) -> None:
    """Put the files into one archive, the description first."""
    from napari_pmrnet.pretrained.exporting import add_file

    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files, key=lambda name: (name != DESCRIPTION, name)):
            add_file(archive, name, files[name])


def _description(spec: Any, model: Model, folder: Path) -> bytes:
    """The package's description as YAML, validated against the files in a folder."""
    with spec.ValidationContext(
        root=folder,
        file_name=DESCRIPTION,
        perform_io_checks=True,
        log_warnings=False,
        disable_cache=True,
        known_files={cite["url"]: None for _, cite in CITATIONS if "url" in cite},
    ):
        described = spec.build_description(_fields(model), format_version="latest")
        if isinstance(described, spec.InvalidDescr):
            raise WeightsError(
                f"'{model.name}' was not exported: its description is not valid "
                f"({' '.join(described.get_reason().split())[:300]})."
            )
        path = folder / DESCRIPTION
        spec.save_bioimageio_yaml_only(described, path)
    return path.read_bytes()


def _fields(model: Model) -> dict[str, Any]:
    """The description, in the terms of model description 0.5."""
    card = model.card
    cited = CITATIONS[:1] if sees_whole(card) else CITATIONS
    return {
        "type": "model",
        "format_version": "0.5.4",
        "name": _plain_name(model),
        "description": (
            f"PMRNet{purpose(card)}. It shows where it is uncertain. "
            f"Exported from napari-pmrnet, weights {card['sha256'][:12]}."
        ),
        "authors": [{"name": "napari-pmrnet developers"}],
        "cite": [{"text": text, **where} for text, where in cited],
        "license": _licence(card),
        "tags": TAGS.get(kind_of(card), [kind_of(card), "semantic-segmentation", "2d"]),
        "documentation": DOCUMENTATION,
        "covers": [COVER],
        "timestamp": _timestamp(card),
        "inputs": [_input(model)],
        "outputs": [_output(model)],
        "weights": {"onnx": {"source": WEIGHTS, "opset_version": OPSET}},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [
                    {"relative_tolerance": 1e-3, "absolute_tolerance": 1e-4}
                ]
            },
            "napari_pmrnet": {
                "weights_sha256": card["sha256"],
                "thresholds": card.get("thresholds", {}),
                "working_diameters": card.get("working_diameters", []),
                "labels": kind_of(card),
                "classes": list(class_names(card)),
            },
        },
    }


def _input(model: Model) -> dict[str, Any]:
    """The image tensor: any size in steps of 8 from one window up."""
    size = {"min": model.window, "step": 8}
    return {
        "id": INPUT,
        "description": "Intensities in [0, 1]: see the documentation for the scaling",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": ["red", "green", "blue"]},
            {"type": "space", "id": "y", "size": size},
            {"type": "space", "id": "x", "size": size},
        ],
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "test_tensor": {"source": TEST_INPUT},
    }


def _output(model: Model) -> dict[str, Any]:
    """The maps: as large as the image, less certain within the halo."""
    names = list(model.map_names())

    def side(axis: str) -> dict[str, Any]:
        size = {"tensor_id": INPUT, "axis_id": axis}
        halo = model.overlap // 2
        halved = {"halo": halo} if 0 < 2 * halo < model.window else {}
        return {"type": "space", "id": axis, "size": size, **halved}

    return {
        "id": OUTPUT,
        "description": "One map a channel; all but the flows lie in [0, 1]",
        "axes": [
            {"type": "batch"},
            {"type": "channel", "channel_names": names},
            side("y"),
            side("x"),
        ],
        "data": [
            {
                "type": "float32",
                "range": [None, None] if name.startswith("flow_") else [0.0, 1.0],
            }
            for name in names
        ],
        "test_tensor": {"source": TEST_OUTPUT},
    }


def _plain_name(model: Model) -> str:
    """Name in the few characters that the format allows."""
    plain = re.sub(r"[^A-Za-z0-9_+\- ()]", "_", model.name)
    return f"PMRNet {'' if sees_whole(model.card) else 'nuclei '}{plain}"


def _licence(card: dict[str, Any]) -> str | None:
    """The weights' licence, where it is one that SPDX lists."""
    from bioimageio.spec.generic.v0_3 import LicenseId

    try:
        return str(LicenseId(card.get("licences", {}).get("weights")))
    except ValueError:
        return None


def _timestamp(card: dict[str, Any]) -> str:
    """When the model was made, or else now."""
    try:
        made = datetime.fromisoformat(str(card.get("date")))
    except ValueError:
        made = datetime.now(UTC)
    return made.replace(microsecond=0).isoformat()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _cover(window: np.ndarray, maps: np.ndarray) -> bytes:
    """Picture twice as wide as high: what goes in, and the probability."""
    image = np.moveaxis(window, 0, 2)
    probability = np.repeat(maps[0][..., None], 3, axis=2)
    pixels = np.concatenate([image, probability], axis=1)
    stream = io.BytesIO()
    Image.fromarray((255 * pixels.clip(0, 1)).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
