"""A process forked after a segmentation segments too, or says at once why not."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_pmrnet import _runtime
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models import load_model

SCRIPT = """
import multiprocessing, sys
import numpy as np
from napari_pmrnet import Settings, segment

if sys.argv[2]:
    import torch
    torch.set_num_threads(2)
image = np.random.default_rng(0).integers(0, 255, (256, 256)).astype(np.uint8)
settings = Settings(model=sys.argv[1], device="cpu")
before = segment(image, settings)

def work(queue):
    queue.put(segment(image, settings).labels)

context = multiprocessing.get_context("fork")
queue = context.Queue()
process = context.Process(target=work, args=(queue,))
process.start()
assert (queue.get(timeout=60) == before.labels).all()
process.join(20)
assert process.exitcode == 0
if sys.argv[2]:
    assert torch.get_num_threads() == 2
print("the same")
"""


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="forks nowhere"
)
@pytest.mark.parametrize("imported", ["torch", ""])
def test_a_fork_after_a_segmentation_gives_the_same_labels(
    weights: Path, imported: str
) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(weights), imported],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout == "the same\n", done.stderr


def test_a_backend_that_does_not_survive_a_fork_is_refused(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model(weights, "cpu", "pytorch")
    assert replace(model, forks=-1).survives
    lost = replace(load_model(weights, "cpu"), forks=-1)
    vars(lost)["backend"] = SimpleNamespace(name="OpenVINO", survives_fork=False)
    assert not lost.survives
    with pytest.raises(PMRNetError, match="OpenVINO does not work .*'spawn'"):
        lost.predict_tiles([])
    monkeypatch.setattr(_runtime, "_loaded_before_fork", {"openvino"})
    assert replace(model, wanted_backend="auto").backend.name == "PyTorch"
    with pytest.raises(PMRNetError, match="'spawn'"):
        _ = replace(model, wanted_backend="openvino").backend
