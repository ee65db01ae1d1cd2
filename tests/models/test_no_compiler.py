"""What the viewer does loads neither torch's compiler nor triton.

triton brings an LLVM of its own. Beside that of Mesa's software OpenGL, which draws
the window on virtual machines and remote desktops, it ends the process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import pkgutil, sys
from importlib import import_module
from pathlib import Path

COMPILERS = ("triton", "torch._dynamo", "torch._inductor")

class Refused:
    def find_spec(self, name, path=None, target=None):
        if name in COMPILERS:
            raise ImportError(f"{name} was asked for", name=name)

sys.meta_path.insert(0, Refused())
weights, folder = map(Path, sys.argv[1:])
import platformdirs
platformdirs.user_data_path = lambda *_, **__: folder
platformdirs.user_cache_path = lambda *_, **__: folder

def look(what):
    loaded = [name for name in COMPILERS if name in sys.modules]
    assert not loaded, f"{what} loaded {loaded}"
    print("DONE", what)

import napari_pmrnet.plugin as plugin
for module in pkgutil.iter_modules(plugin.__path__, "napari_pmrnet.plugin."):
    import_module(module.name)
look("the docks")

import numpy as np
from napari_pmrnet import Settings, segment
from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.model import load_model
image = np.random.default_rng(0).integers(0, 255, (90, 80), np.uint8)
for backend in ["pytorch"] + ["openvino"] * has_openvino():
    model = load_model(weights, "cpu", backend)
    model.predict_tiles(np.zeros((1, 3, 64, 64), np.float32))
    look(backend)
from napari_pmrnet.models.importing import read_model
from napari_pmrnet.models.user_models import import_model, keep_model
import_model(weights, "imported")
look("importing a model")
keep_model(read_model(weights), "kept")
segment(image, Settings(model="kept"))
look("keeping a model and segmenting")

from napari_pmrnet.plugin.models.tasks import exporting
exporting("kept", folder / "a.zip", "zip")
look("exporting a model")
"""


def test_the_viewer_never_loads_a_compiler(weights: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(weights), str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("DONE") >= 5
