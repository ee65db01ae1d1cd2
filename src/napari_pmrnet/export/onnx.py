"""The network as ONNX, for programs that run neither Python nor PyTorch.

The exported network gives maps, not logits: what `Model.predict_tiles` gives.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import os
import warnings
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from napari_pmrnet._runtime import import_torch
from napari_pmrnet._software import needs, require
from napari_pmrnet.errors import WeightsError
from napari_pmrnet.io.permit import Overwrite
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.backends.eager import TorchArrays
from napari_pmrnet.models.label_kind import LabelKind
from napari_pmrnet.models.model import Model, flow_channels
from napari_pmrnet.network.inference import inference_form
from napari_pmrnet.segmentation.normalise import PERCENTILES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_pmrnet.models import Model

INPUT, OUTPUT = "image", "maps"
OPSET = 18
TOLERANCE = 1e-4
NORMALISATION = (
    f"Intensities are scaled once for a whole image, all colours alike: percentile "
    f"{PERCENTILES[0]} to 0 and percentile {PERCENTILES[1]} to 1 (linear "
    "interpolation), then clipped to [0, 1]. Where the two are equal, the minimum "
    "and the maximum take their place. A grey image fills all three channels."
)
logger = logging.getLogger(__name__)


def export_onnx(name: str, target: Path, overwrite: Overwrite = False) -> str:
    """Write a model as ONNX and run it against ours.

    Parameters
    ----------
    name : str
        Name of a model, or path of its weights.
    target : Path
        File to write; nothing is written if the check fails.
    overwrite : bool or Permit
        Whether a file that is there may be replaced.

    Returns
    -------
    str
        What the check has shown, in a sentence.

    Raises
    ------
    PMRNetError
        If the package onnx is missing.
    WeightsError
        If the exported model gives other maps than ours.
    """
    model = load_for_export(name)
    content = onnx_bytes(model)
    checked = check_export(content, model)
    replace_file(target, content, overwrite)
    return checked


def load_for_export(name: str) -> Model:
    """The model in PyTorch on the CPU, where exports are made and compared."""
    import_torch()
    from napari_pmrnet.models.model import load_model

    return load_model(name, "cpu", "pytorch")


def onnx_bytes(model: Model) -> bytes:
    """A model as ONNX: (batch, 3, height, width) -> (batch, maps, height, width).

    Batch, height and width are free; the last two are multiples of 8.

    Raises
    ------
    PMRNetError
        If the package onnx is missing.
    """
    onnx = needed("onnx")
    import torch

    from napari_pmrnet.network import STRIDE

    free = {0: "batch", 2: "height", 3: "width"}
    stream: Any = io.BytesIO()
    with warnings.catch_warnings(), _quiet_exporter(), torch.no_grad():
        # The exporter by tracing is deprecated in favour of one that needs another
        # package; the sizes that tracing takes for constants are only checked.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Activated(model).eval(),
            (torch.zeros(2, 3, 8 * STRIDE, 9 * STRIDE),),
            stream,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: free, OUTPUT: free},
            opset_version=OPSET,
            **_by_tracing(),
        )
    made = onnx.load_from_string(stream.getvalue())
    made.producer_name, made.doc_string = "napari-pmrnet", _about(model)
    onnx.helper.set_model_props(made, metadata(model))
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def metadata(model: Model) -> dict[str, str]:
    """Facts that a program needs to run the exported model, as text."""
    facts = {
        "name": model.name,
        "weights_sha256": model.card.sha256,
        "window": model.tile,
        "overlap": model.overlap,
        "size_multiple": 8,
        "channels": list(model.map_names()),
        "normalisation": NORMALISATION,
        "licences": model.card.licences,
        "thresholds": model.card.thresholds,
        "working_diameters": list(model.card.working_diameters or ()),
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in facts.items()
    }


def check_export(content: bytes, model: Model, tiles: Any = None) -> str:
    """Run an exported model against ours, where onnxruntime is installed.

    Parameters
    ----------
    content : bytes
        Of the ONNX file.
    model : Model
        What it was made from.
    tiles : ndarray of float32, shape (N, 3, h, w), optional
        By default generated nuclei, stained and fluorescent, in two sizes.

    Returns
    -------
    str
        What was found, in a sentence.

    Raises
    ------
    WeightsError
        If a map differs by more than `TOLERANCE`.
    """
    try:
        run = runner(content)
    except ModuleNotFoundError:
        return (
            "It was not run, because onnxruntime is not installed: "
            'pip install "napari-pmrnet[export]" onnxruntime'
        )
    batches = sample_tiles(model.tile) if tiles is None else [tiles]
    worst = 0.0
    for batch in batches:
        difference = np.abs(run(batch) - model.predict_tiles(batch))
        worst = max(worst, float(difference.max()))
    if not worst <= TOLERANCE:
        raise WeightsError(
            f"'{model.name}' was not exported: run by onnxruntime, its maps differ by "
            f"{worst:.2g} from ours, more than {TOLERANCE:g}."
        )
    count = sum(len(batch) for batch in batches)
    return f"Run by onnxruntime on {count} tiles, its maps are ours to {worst:.1g}."


def runner(content: bytes) -> Any:
    """Function that runs an ONNX model: tiles (N, 3, h, w) -> maps (N, n, h, w).

    Raises
    ------
    ModuleNotFoundError
        If onnxruntime is not installed.
    """
    runtime = import_onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = import_torch().get_num_threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = runtime.InferenceSession(
        content, options, providers=["CPUExecutionProvider"]
    )
    return lambda tiles: session.run([OUTPUT], {INPUT: tiles})[0]


def import_onnxruntime() -> ModuleType:
    """onnxruntime, kept from reporting its use over the network.

    It opens a store of what it will report while it is being imported, so the
    environment must forbid it before.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    runtime = import_module("onnxruntime")
    runtime.disable_telemetry_events()
    return runtime


def sample_tiles(tile: int) -> list[np.ndarray]:
    """Batches of generated nuclei, as the network sees them, in two sizes."""
    from napari_pmrnet.datasets.synthetic import make_fluorescence, make_stained
    from napari_pmrnet.segmentation.plane import prepare

    both, other = (make_fluorescence, make_stained), max(tile - 16, 64)
    return [
        np.stack([prepare(make((tile, tile), seed=7)[0]) for make in both]),
        prepare(make_stained((tile + 8, other), seed=7)[0])[None],
    ]


def needed(package: str) -> ModuleType:
    """A package of the extra ``export``.

    Raises
    ------
    SoftwareError
        If it is not installed, of a version that is not needed, or does not load.
    """
    with needs("export", "Exporting"):
        module = import_module(package)
    require(package, "Exporting")
    return module


def _target(model: Model) -> str:
    """Names of what a model labels."""
    kind = model.card.label_kind
    return (
        "nuclei" if kind is LabelKind.NUCLEI else ", ".join(model.card.classes) or kind
    )


def _about(model: Model) -> str:
    return (
        f"PMRNet '{model.name}' of napari-pmrnet: for {_target(model)}. Input {INPUT}: "
        "(batch, 3, height, width), float32 in [0, 1], height and width multiples of "
        f"8, best {model.tile}. Output {OUTPUT}: {', '.join(model.map_names())}."
    )


def _by_tracing() -> dict[str, Any]:
    """Options for the exporter by tracing, the only one before torch 2.5."""
    import torch

    known = inspect.signature(torch.onnx.export).parameters
    return {"dynamo": False} if "dynamo" in known else {}


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Keep the exporter's notes on constants out of the user's log."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


class Activated(nn.Module):
    """Inference form of a model's network, maps joined in the order of `map_names`.

    Shapes: (N, 3, h, w) in [0, 1] -> (N, len(map_names()), h, w).
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.network = inference_form(model.network)
        self.arrays = TorchArrays(model.device)
        self.flows = flow_channels(model.channels)

    def forward(self, tiles: Tensor) -> Tensor:
        logits, certainty, gates = self.network(tiles, maps=True)
        activated = self.arrays.sigmoid(logits, but=self.flows)
        return self.arrays.join([activated, gates.full, certainty])
