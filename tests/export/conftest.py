"""The shipped model, exported once."""

from collections.abc import Callable

import numpy as np
import pytest

from napari_pmrnet.export.onnx import onnx_bytes, runner
from napari_pmrnet.models import Model, load_model


@pytest.fixture(scope="session")
def shipped() -> Model:
    return load_model("nuclei", "cpu", "pytorch")


@pytest.fixture(scope="session")
def content(shipped: Model) -> bytes:
    return onnx_bytes(shipped)


@pytest.fixture(scope="session")
def run(content: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """The shipped model in onnxruntime."""
    return runner(content)
