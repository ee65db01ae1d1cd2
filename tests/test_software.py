"""A library that is missing, too old, too new or broken is named in one sentence."""

from __future__ import annotations

import re
import sys
from importlib.metadata import requires, version
from pathlib import Path

import numpy as np
import pytest
import tifffile
from packaging.requirements import Requirement
from PIL import Image, PngImagePlugin

from napari_pmrnet import _software
from napari_pmrnet._software import misfit, needed, needs, require
from napari_pmrnet.errors import DataError, SoftwareError
from napari_pmrnet.io.images import open_image, read_image
from napari_pmrnet.io.label_zarr import create_label_zarr, open_label_zarr
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.space import Space


@pytest.fixture
def tiff(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.arange(72, dtype=np.uint8).reshape(9, 8))
    return path


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Versions that are to be found in place of those installed."""
    found: dict[str, str | None] = {}
    real = _software._found
    monkeypatch.setattr(
        _software, "_found", lambda name: found[name] if name in found else real(name)
    )
    return found


def floor(name: str) -> str:
    """Lowest version that the package's own metadata asks for."""
    (lowest,) = {
        spec.version
        for line in requires("napari-pmrnet")
        if (one := Requirement(line)).name == name
        for spec in one.specifier
    }
    return lowest


def sentence(error: pytest.ExceptionInfo[SoftwareError], *words: str) -> str:
    """The text of an error, which must be one line that holds all words."""
    text = str(error.value)
    assert "\n" not in text and "damaged" not in text
    for word in (*words, "pip install"):
        assert word in text, (word, text)
    return text


def raising(error: Exception):
    """A function that raises, whatever it is called with."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    return refuse


def test_what_is_needed_is_what_the_package_declares() -> None:
    for name in ("tifffile", "torch", "zarr", "openvino", "onnx", "distributed"):
        assert needed(name).contains(floor(name)), name
        assert not needed(name).contains("0.0.1"), name
    assert needed("no-such-package").contains("0.0.1")


def test_a_method_that_a_new_version_lost_is_of_the_software(
    tiff: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(tifffile.TiffPageSeries, "asarray")
    with pytest.raises(SoftwareError) as error:
        read_image(tiff)
    found = version("tifffile")
    text = sentence(error, "a.tif", f"tifffile {found}", f">={floor('tifffile')}")
    if found != floor("tifffile"):
        assert text.endswith(f'pip install "tifffile>={floor("tifffile")},<{found}"')


def test_an_argument_that_a_new_version_lost_is_of_the_software(
    tiff: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = TypeError("imread() got an unexpected keyword argument 'aszarr'")
    monkeypatch.setattr(tifffile, "imread", raising(wrong))
    with pytest.raises(SoftwareError) as error:
        open_image(tiff)
    sentence(error, "a.tif", f"tifffile {version('tifffile')}", "aszarr")


def test_a_library_that_does_not_load_is_installed_anew(
    tiff: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = ImportError("libjxl.so.0: no such object file", name="imagecodecs")
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", raising(wrong))
    with pytest.raises(SoftwareError) as error:
        read_image(tiff)
    found = version("imagecodecs")
    text = sentence(error, "a.tif", f"imagecodecs {found} does not load", "libjxl")
    assert re.search(r'pip install --force-reinstall "?imagecodecs', text)


@pytest.mark.parametrize("there", [True, False])
def test_a_codec_that_is_missing_names_the_package(
    there: bool,
    tiff: Path,
    installed: dict[str, str | None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed["imagecodecs"] = "2099.1.1" if there else None
    wrong = ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", raising(wrong))
    with pytest.raises(SoftwareError) as error:
        read_image(tiff)
    text = sentence(error, "a.tif", "imagecodecs")
    assert ("does not load" in text) == there
    assert ("not installed" in text) != there


def test_a_version_too_old_is_said_whatever_it_raised(
    tiff: Path, installed: dict[str, str | None]
) -> None:
    tiff.write_bytes(tiff.read_bytes()[:30])
    with pytest.raises(DataError, match="damaged"):
        read_image(tiff)
    installed["tifffile"] = "2001.2.3"
    with pytest.raises(SoftwareError) as error:
        read_image(tiff)
    sentence(error, "tifffile 2001.2.3", f"tifffile>={floor('tifffile')}", "--upgrade")


@pytest.mark.parametrize(
    "wrong",
    [
        TypeError("'<' not supported between instances of 'tuple' and 'int'"),
        AttributeError("'tuple' object has no attribute 'decode'", obj=(1,)),
        ValueError("corrupted strip cannot be reshaped"),
        KeyError(256),
        ZeroDivisionError("division by zero"),
        RuntimeError("ZSTD_decompress returned 'Data corruption detected'"),
    ],
)
def test_what_damaged_files_raise_is_of_the_file(
    wrong: Exception, tiff: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", raising(wrong))
    with pytest.raises(DataError, match=r"a\.tif.*damaged.*again"):
        read_image(tiff)


def test_a_file_that_may_not_be_read_is_not_called_damaged(
    tiff: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = PermissionError(13, "Permission denied")
    monkeypatch.setattr(tifffile, "TiffFile", raising(wrong))
    with pytest.raises(DataError, match="Permission denied") as error:
        read_image(tiff)
    assert "damaged" not in str(error.value)


def test_a_pixel_size_is_not_lost_to_a_function_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, np.zeros((9, 8), np.uint8), metadata={"axes": "YX"})
    monkeypatch.delattr(tifffile, "xml2dict")
    with pytest.raises(SoftwareError, match="tifffile"):
        read_image(path)


def test_label_tiffs_are_reopened_without_what_tifffile_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_us(series: tifffile.TiffPageSeries, *args: object, **how: object) -> str:
        asking = sys._getframe(1).f_globals["__name__"]
        if asking.startswith("napari_pmrnet"):
            raise AttributeError("get_axes", name="get_axes", obj=series)
        return real(series, *args, **how)

    real = getattr(tifffile.TiffPageSeries, "get_axes", None)
    monkeypatch.setattr(tifffile.TiffPageSeries, "get_axes", refuse_us, raising=False)
    labels = np.arange(24).reshape(1, 2, 1, 3, 4)
    for shape in ((1, 1, 1, 4, 6), (1, 2, 1, 3, 4), (2, 1, 3, 4, 1), (2, 3, 1, 1, 4)):
        path = write_labels(
            tmp_path / "l.tif",
            labels.reshape(shape),
            Space.of("tzcyx"),
            overwrite=True,
        )
        (back,) = read_image(path)
        assert back.space.axes == tuple("tzcyx") and back.data.shape == shape
        assert (back.data.ravel() == labels.ravel()).all()


def test_a_picture_decoder_that_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(path)
    monkeypatch.delattr(PngImagePlugin, "PngStream")
    with pytest.raises(SoftwareError) as error:
        read_image(path)
    sentence(error, "a.png", f"pillow {version('pillow')}", f">={floor('pillow')}")


def test_a_picture_decoder_that_was_not_built_is_installed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(np.zeros((9, 8), np.uint8)).save(path)
    missing = raising(OSError("decoder jpeg not available"))
    monkeypatch.setattr(Image, "_getdecoder", missing)
    with pytest.raises(SoftwareError) as error:
        read_image(path)
    sentence(error, "a.jpg", "pillow", "--force-reinstall")


def test_a_zarr_that_does_not_fit_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zarr = pytest.importorskip("zarr")
    path = tmp_path / "a.zarr"
    create_label_zarr(path, (9, 8), name="a")
    monkeypatch.delattr(zarr, "open_group")
    for reader in (read_image, open_label_zarr):
        with pytest.raises(SoftwareError) as error:
            reader(path)
        sentence(error, "a.zarr", f"zarr {version('zarr')}", f">={floor('zarr')}")


def test_an_old_zarr_is_named_before_it_is_used(
    tmp_path: Path, installed: dict[str, str | None]
) -> None:
    pytest.importorskip("zarr")
    installed["zarr"] = "2.18.0"
    with pytest.raises(SoftwareError) as error:
        create_label_zarr(tmp_path / "a.zarr", (9, 8), name="a")
    sentence(error, "zarr 2.18.0", f"zarr>={floor('zarr')}", "--upgrade")


def test_an_old_package_of_an_extra_is_named(installed: dict[str, str | None]) -> None:
    from napari_pmrnet.export.onnx import needed as import_needed

    pytest.importorskip("onnx")
    installed["onnx"] = "1.0"
    with pytest.raises(SoftwareError) as error:
        import_needed("onnx")
    sentence(error, "Exporting", "onnx 1.0", f"onnx>={floor('onnx')}", "--upgrade")


def test_a_missing_package_names_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SoftwareError) as error, needs("export", "Exporting"):
        import onnx  # noqa: F401
    sentence(error, f"onnx>={floor('onnx')}", 'pip install "napari-pmrnet[export]"')


def test_a_module_that_moved_is_not_called_missing() -> None:
    with pytest.raises(SoftwareError) as error, needs("all", "Reading"):
        from tifffile import no_such_thing  # noqa: F401
    sentence(error, f"tifffile {version('tifffile')} does not fit")


def test_an_error_of_our_own_is_neither() -> None:
    class Ours:
        pass

    Ours.__module__ = "napari_pmrnet.plugin"
    try:
        Ours().missing  # noqa: B018
    except AttributeError as error:
        assert misfit(error, "Segmenting") is None
    assert misfit(ValueError("no"), "Segmenting", "tifffile") is None


def test_installed_versions_are_those_needed() -> None:
    for name in ("tifffile", "zarr", "imagecodecs", "pillow", "numpy", "torch"):
        require(name, "Reading")
