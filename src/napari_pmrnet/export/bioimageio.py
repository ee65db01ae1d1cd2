"""A model as a package of bioimage.io, the exchange format of the field.

The package holds the ONNX network and no code: whoever runs it runs a graph of known
operations. What it needs around it, intensities and tiles, is described in its
documentation.
"""

from __future__ import annotations

import io
import json
import re
import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image

from napari_pmrnet.errors import WeightsError
from napari_pmrnet.export.onnx import (
    INPUT,
    OPSET,
    OUTPUT,
    check_export,
    load_for_export,
    needed,
    onnx_bytes,
    sample_tiles,
)
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.card import ModelCard
from napari_pmrnet.models.label_kind import LabelKind, class_channels
from napari_pmrnet.segmentation.normalise import MAX_SAMPLE, PERCENTILES, SIGMAS

if TYPE_CHECKING:
    from napari_pmrnet.models import Model

DESCRIPTION = "rdf.yaml"
WEIGHTS, DOCUMENTATION, COVER = "weights.onnx", "README.md", "cover.png"
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
TAGS = ["nuclei", "instance-segmentation", "2d", "fluorescence", "histology"]
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


def export_package(name: str, target: Path, overwrite: Overwrite = False) -> str:
    """Write a model as a package of bioimage.io and run it against ours.

    Parameters
    ----------
    name : str
        Name of a model, or path of its weights.
    target : Path
        Zip file to write; nothing is written if a check fails.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

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
    tiles = sample_tiles(model.tile)[0][1:]
    checked = check_export(content, model)
    maps = model.predict_tiles(tiles)
    files = {
        WEIGHTS: content,
        DOCUMENTATION: readme(model).encode(),
        COVER: _cover(tiles[0], maps[0]),
        TEST_INPUT: _npy(tiles),
        TEST_OUTPUT: _npy(maps),
    }
    with tempfile.TemporaryDirectory() as folder:
        for file, data in files.items():
            (Path(folder) / file).write_bytes(data)
        files[DESCRIPTION] = _description(spec, model, Path(folder))
    replace_file(target, lambda stream: _write(stream, files), overwrite)
    return f"{checked} The description is valid."


def _write(stream: BinaryIO, files: dict[str, bytes]) -> None:
    """Put the files into one archive, the description first."""
    from napari_pmrnet.export.archive import add_file

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
    cited = CITATIONS[:1] if card.label_kind.sees_whole else CITATIONS
    return {
        "type": "model",
        "format_version": "0.5.4",
        "name": _plain_name(model),
        "description": (
            f"PMRNet{purpose(card)}. It shows where it is uncertain. "
            f"Exported from napari-pmrnet, weights {card.sha256[:12]}."
        ),
        "authors": [{"name": "napari-pmrnet developers"}],
        "cite": [{"text": text, **where} for text, where in cited],
        "license": _licence(card),
        "tags": TAGS
        if card.label_kind is LabelKind.NUCLEI
        else [card.label_kind.value, "semantic-segmentation", "2d"],
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
                "weights_sha256": card.sha256,
                "thresholds": dict(card.thresholds),
                "working_diameters": list(card.working_diameters or ()),
                "labels": card.label_kind.value,
                "classes": list(card.classes),
            },
        },
    }


def _input(model: Model) -> dict[str, Any]:
    """The image tensor: any size in steps of 8 from one tile up."""
    size = {"min": model.tile, "step": 8}
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
        halved = {"halo": halo} if 0 < 2 * halo < model.tile else {}
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
    return f"PMRNet {'' if model.card.label_kind.sees_whole else 'nuclei '}{plain}"


def _licence(card: ModelCard) -> str | None:
    """The weights' licence, where it is one that SPDX lists."""
    from bioimageio.spec.generic.v0_3 import LicenseId

    try:
        return str(LicenseId(card.licences.get("weights")))
    except ValueError:
        return None


def _timestamp(card: ModelCard) -> str:
    """Date on which the model was made, or else now."""
    try:
        made = datetime.fromisoformat(card.date)
    except ValueError:
        made = datetime.now(UTC)
    return made.replace(microsecond=0).isoformat()


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()


def _cover(tile: np.ndarray, maps: np.ndarray) -> bytes:
    """Picture twice as wide as high: what goes in, and the probability."""
    image = np.moveaxis(tile, 0, 2)
    probability = np.repeat(maps[0][..., None], 3, axis=2)
    pixels = np.concatenate([image, probability], axis=1)
    stream = io.BytesIO()
    Image.fromarray((255 * pixels.clip(0, 1)).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


MAPS = {
    "probability": "how much a pixel looks like part of {what}, 0 to 1",
    "flow_y": "step down from the pixel towards the middle of its nucleus",
    "flow_x": "step to the right towards the middle of its nucleus",
    "border": "border between nuclei, 0 to 1",
    "distance": "depth inside a nucleus, 0 to 1",
    "boundary": "boundary gate: where the network sees the border of {what}, 0 to 1",
    "pgrf": "raw PGRF map, 1 - mean diffusivity, 0 to 1; not a probability",
}
_TEXT = """# {name}

PMRNet{purpose}.

Exported from the napari plugin napari-pmrnet. The network was described by B. Kang
(CVPR 2026); this is an independent implementation.

Weights: SHA-256 `{sha256}`. Licence of the weights: {licence}.
{sources}

## Input: `image`, (batch, 3, y, x), float32 in [0, 1]

There is no preprocessing entry in the description, because none of the format is
exactly what the network was trained with. Do this once for a whole image, before it is
cut into tiles:

1. A grey image fills all three channels; of a colour image take red, green and blue
   without alpha.
2. Take percentile {low} and percentile {high} of all values, all channels together,
   in float64 with linear interpolation. Of an image of more than {most} values, every
   k-th row and column will do, k = ceil(sqrt(values / {most})).
3. Where the two are equal, take minimum and maximum instead.
   The plugin leaves out a few pixels that are far brighter than all others, such as
   debris: `napari_pmrnet.segmentation.outliers.without_outliers`.
4. Subtract the lower, divide by the difference, clip to [0, 1].
5. The plugin then smooths noisy images by a Gaussian, after their noise as
   `napari_pmrnet.segmentation.normalise.noise_level` measures it: sigma {smoothing}.

For an image of no more than {most} values whose two percentiles differ, `scale_range`
over channel, y and x with these percentiles, followed by `clip` to [0, 1], gives the
same but for its `eps`. Applied to each tile by itself it does not.

Height and width are multiples of 8. The plugin cuts an image into tiles of {tile} x
{tile} that overlap by {overlap} pixels and blends the maps.{scale}

## Output: `maps`, (batch, {count}, y, x), float32

{maps}

Sigmoids are part of the network. Turning the maps into {labels}, and into the
calibrated certainty, is done by the plugin{thresholds}. A threshold on
`probability` gives the foreground.

## Validation

`{test_input}` holds one tile of generated nuclei, `{test_output}` what PyTorch
makes of it. Run by onnxruntime on a processor, the maps agree within 1e-4. To validate
on images of your own, annotate some, and compare: `napari-pmrnet evaluate --data DIR`.
{scores}
"""


def _sources(card: ModelCard) -> str:
    """The data sets that a card names, with authors and licences, as a list."""
    sets = card.data.get("sets")
    listed = sets if isinstance(sets, list) else []
    named = [one for one in listed if isinstance(one, Mapping)]
    lines = ("; ".join(str(value) for value in one.values()) for one in named)
    return "".join(f"\n- trained on {line}" for line in lines)


def readme(model: Model) -> str:
    """Documentation of the package of a model, in Markdown."""
    card = model.card
    names = model.map_names()
    maps = (
        f"{place}. `{name}`: {_map(name, card)}" for place, name in enumerate(names)
    )
    return _TEXT.format(
        name=model.name,
        sha256=card.sha256,
        licence=card.licences.get("weights", "not stated"),
        sources=_sources(card),
        low=PERCENTILES[0],
        high=PERCENTILES[1],
        smoothing=" and ".join(f"{s:g} above {n:g}" for n, s in SIGMAS.items()),
        most=f"{MAX_SAMPLE:,}",
        tile=model.tile,
        overlap=model.overlap,
        purpose=purpose(card),
        labels="numbered nuclei"
        if card.label_kind is LabelKind.NUCLEI
        else card.label_kind,
        scale=_scale(card),
        count=len(names),
        maps="\n".join(maps),
        thresholds=_thresholds(card.thresholds),
        test_input="test_input.npy",
        test_output="test_output.npy",
        scores=_scores(card.val),
    )


def purpose(card: ModelCard) -> str:
    """Purpose of a model, to follow "PMRNet"."""
    if card.label_kind is LabelKind.NUCLEI:
        return (
            ", extended by channels that separate touching nuclei, for cell nuclei in "
            "fluorescence and stained tissue"
        )
    names = f" ({', '.join(card.classes)})" if card.classes else ""
    return f" for {card.label_kind}{names}"


def _map(name: str, card: ModelCard) -> str:
    """Meaning of a map."""
    named = dict(zip(class_channels(len(card.classes)), card.classes, strict=False))
    if name in named:
        return f"how much a pixel looks like {named[name]}, 0 to 1"
    what = "a nucleus" if card.label_kind is LabelKind.NUCLEI else "an object"
    return MAPS.get(name, "a map of its own").format(what=what)


def _scale(card: ModelCard) -> str:
    """Size at which the network wants to see an image."""
    if card.label_kind.sees_whole:
        return "\nImages are resized until one tile holds all of them."
    working = card.working_diameters
    if working is None:
        return ""
    return (
        f"\nImages whose nuclei are not about {working[0]:g} to {working[1]:g} pixels "
        "wide are resized so that they are."
    )


def _thresholds(thresholds: Mapping[str, float]) -> str:
    return f" (thresholds: `{json.dumps(dict(thresholds))}`)" if thresholds else ""


def _scores(scores: Mapping[str, Any]) -> str:
    if not scores:
        return "The card states no scores."
    return (
        "Scores on validation images, as the model card states them: "
        + ", ".join(f"{name} {value}" for name, value in list(scores.items())[:8])
        + "."
    )
