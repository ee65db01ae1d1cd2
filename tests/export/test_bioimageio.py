"""A model as a package of bioimage.io: valid, without code, with words on its use."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml

from napari_pmrnet.export import bioimageio as bioimageio_module
from napari_pmrnet.export.onnx import TOLERANCE, runner
from napari_pmrnet.export.write import export_model
from napari_pmrnet.models import Model

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> Path:
    """The shipped model as a package of bioimage.io."""
    pytest.importorskip("bioimageio.spec")
    path = tmp_path_factory.mktemp("package") / "nuclei.bioimageio.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bioimageio_module, "onnx_bytes", lambda _: content)
        done = export_model("nuclei", path)
    assert done.path == path and "its maps are ours" in done.checked
    return path


def test_the_package_is_valid_and_its_test_tensors_pass(
    package: Path, shipped: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    import bioimageio.spec as spec

    def refuse(*_: object) -> None:
        raise OSError("the network is not to be used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    cited = {"https://openaccess.thecvf.com/CVPR2026": None}
    with spec.ValidationContext(
        perform_io_checks=True, log_warnings=False, known_files=cited
    ):
        described = spec.load_model_description(package)
    assert described.validation_summary.status in ("valid-format", "passed")
    assert described.license == "CC-BY-4.0"
    (given,), (result,) = described.inputs, described.outputs
    assert [axis.id for axis in given.axes] == ["batch", "channel", "y", "x"]
    assert tuple(result.axes[1].channel_names) == shipped.map_names()
    assert given.axes[2].size.min == 256 and given.axes[2].size.step == 8
    with zipfile.ZipFile(package) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    tiles, maps = (
        np.load(io.BytesIO(files[f"test_{side}.npy"])) for side in ("input", "output")
    )
    assert tiles.shape == (1, 3, 256, 256) and 0 <= tiles.min() < tiles.max() <= 1
    told = files["README.md"].decode()
    assert "- trained on TNBC; Naylor et al., IEEE TMI 38, 2019" in told
    packed = runner(files[described.weights.onnx.source.path.name])
    np.testing.assert_allclose(packed(tiles), maps, atol=TOLERANCE)
    np.testing.assert_array_equal(shipped.predict_tiles(tiles), maps)
    assert maps[0, 0].max() > 0.9 > 0.1 > maps[0, 0].min()


def test_the_package_holds_no_code_and_says_how_to_use_it(package: Path) -> None:
    with zipfile.ZipFile(package) as archive:
        names, text = archive.namelist(), archive.read("README.md").decode()
    assert {Path(name).suffix for name in names} == {
        *(".yaml", ".md", ".png", ".npy", ".onnx")
    }
    assert "# Validation" in text and "{" not in text.replace('`{"', "").replace(
        "}`", ""
    )
    assert "percentile 1.0 and percentile 99.8" in text and "4,000,000" in text


@pytest.mark.parametrize("kind", ["objects", "classes"])
def test_packages_of_objects_and_classes_say_so(
    whole_weights, tmp_path: Path, kind: str
) -> None:
    target = tmp_path / "w.bioimageio.zip"
    assert "is valid" in bioimageio_module.export_package(
        str(whole_weights[kind]), target
    )
    with zipfile.ZipFile(target) as archive:
        text = archive.read("README.md").decode()
        about = yaml.safe_load(archive.read("rdf.yaml"))
    assert kind in about["description"] and kind in about["tags"]
    assert "one tile holds all of them" in text
    assert "nucle" not in text.split("## Validation")[0].replace("nuclei of", "")
    assert about["config"]["napari_pmrnet"]["labels"] == kind
    if kind == "classes":
        assert "looks like polyp" in text and "looks like tool" in text
    assert not any("Nucleus" in cite["text"] for cite in about["cite"])
