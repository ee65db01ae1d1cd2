"""Conversions for OpenVINO, kept on disk under the hash of their weights.

To make one takes torch and seconds. One that is kept is read without torch, and with a
hash of its own.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import platformdirs

from napari_pmrnet import network as network_package
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.alone import alone
from napari_pmrnet.io.settle import settle_file

if TYPE_CHECKING:
    from torch import nn

_FILE, _WEIGHTS, _SUM = "network.xml", "network.bin", "sha256"
SECONDS = 120.0
"""Longest time to wait for another process that converts the same weights."""
FAILURES = (AttributeError, OSError, RuntimeError, SyntaxError, TypeError)
"""Errors of an OpenVINO that is broken, of another version or on a poor machine."""

logger = logging.getLogger(__name__)


def is_kept(weights_hash: str, channels: int) -> bool:
    """Tell whether there is a conversion; it may be damaged."""
    try:
        return (folder_for(weights_hash, channels) / _SUM).is_file()
    except (ImportError, *FAILURES):  # said when the backend is made
        return False


def folder_for(weights_hash: str, channels: int) -> Path:
    """Folder for a conversion: of weights and outputs, by this code and OpenVINO."""
    cache = platformdirs.user_cache_path("napari-pmrnet", appauthor=False)
    digest = sha256(f"{weights_hash} {channels} {_openvino()}".encode())
    code = Path(network_package.__path__[0]).glob("*.py")
    for path in (*sorted(code), Path(__file__).with_name("convert.py")):
        digest.update(path.read_bytes())
    return cache / "openvino" / digest.hexdigest()[:24]


def _openvino() -> str:
    """Version of OpenVINO, not imported unless it has no metadata."""
    try:
        return version("openvino")
    except PackageNotFoundError:
        return import_module("openvino").__version__


def converted(
    core: Any, network: Callable[[], nn.Module], folder: Path | None
) -> tuple[Any, Path | None]:
    """The network as an OpenVINO model, and the folder that it is kept in, if any.

    Parameters
    ----------
    core : openvino.Core
    network : callable
        Asked for the network if there is no conversion.
    folder : Path or None
        Of `folder_for`. None keeps nothing on disk.
    """
    if folder is None:
        return _convert(network), None
    with suppress(OSError, RuntimeError):
        return _read(core, folder), folder
    model: Any = None
    try:
        with alone(folder, f"{folder}: another process converts it", SECONDS):
            with suppress(OSError, RuntimeError):  # another process has, meanwhile
                return _read(core, folder), folder
            logger.debug("converting: %s holds no model", folder)
            model = _convert(network)
            _keep(model, folder)
            # Read back, for it differs in the last digit and the next start reads it.
            return _read(core, folder), folder
    except (DataError, OSError, RuntimeError) as error:
        logger.warning(
            "OpenVINO's model cannot be kept, so every start takes seconds more: %s",
            error,
        )
        return _convert(network) if model is None else model, None


def _convert(network: Callable[[], nn.Module]) -> Any:
    """Convert a network, with torch."""
    made = network()
    from napari_pmrnet.models.backends import convert

    return convert.convert(made)


def _read(core: Any, folder: Path) -> Any:
    """The model that `_keep` wrote.

    Raises
    ------
    OSError, RuntimeError
        If there is none, or it is not as it was written.
    """
    if not is_whole(folder):
        raise RuntimeError(f"{folder} is damaged")
    return core.read_model(folder / _FILE)


def is_whole(folder: Path) -> bool:
    """Tell whether a conversion is there as it was written."""
    try:
        return (folder / _SUM).read_bytes() == _sum(folder)
    except OSError:
        return False


def _sum(folder: Path) -> bytes:
    """SHA-256 of a conversion, network and weights."""
    digest = sha256()
    for name in (_FILE, _WEIGHTS):
        digest.update((folder / name).read_bytes())
    return digest.digest()


def _keep(model: Any, folder: Path) -> None:
    """Write a converted model into a folder of its own, whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f"{folder.name}*"):  # damaged, or of a killed one
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
    part = Path(mkdtemp(prefix=f"{folder.name}-", dir=folder.parent))
    try:
        import_module("openvino").save_model(
            model, part / _FILE, compress_to_fp16=False
        )
        (part / _SUM).write_bytes(_sum(part))
        for file in part.iterdir():
            with file.open("rb+") as stream:
                settle_file(stream)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
