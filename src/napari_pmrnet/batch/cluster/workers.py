"""An existing `dask.distributed` cluster: reaching it, and asking what its workers are.

What work is done there is said elsewhere; here is what every kind of it needs. The
package `distributed` is imported only when a cluster is asked for.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet import __version__
from napari_pmrnet._software import bring, misfit
from napari_pmrnet.errors import ClusterError, PMRNetError
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights

if TYPE_CHECKING:
    from distributed import Client

    from napari_pmrnet.models import Model

CONNECT_SECONDS = 10.0
WORKER_SECONDS = 30.0
CLOSE_SECONDS = 3.0

_models: dict[tuple[str, str], Model] = {}
_turn = threading.RLock()


@dataclass(frozen=True)
class Demands:
    """Demands that a worker must meet to take part.

    Attributes
    ----------
    version : str
        Of napari-pmrnet.
    model : str
        Name of a model or path of a file.
    weights_hash : str
        SHA-256 of its weights.
    token : Path
        A file in the folder of the results, which all must see and write to.
    text : str
        What is in that file, so that another file at the same path is no excuse.
    folder : Path
        The folder of the results.
    image : Path or None
        An image that must be there.
    """

    version: str
    model: str
    weights_hash: str
    token: Path
    text: str
    folder: Path
    image: Path | None = None

    def is_current(self) -> bool:
        """Tell whether the work is still wanted: the token is there and unchanged."""
        try:
            return self.text in self.token.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        except OSError:  # a moment's trouble of shared storage ends no work
            return True


@contextmanager
def connected(address: str) -> Iterator[Client]:
    """A client of a running cluster; what it logs of a lost connection is kept quiet.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://10.0.0.5:8786``.

    Raises
    ------
    ClusterError
        If no scheduler with workers answers.
    SoftwareError
        If `distributed` is missing or does not fit.
    """
    distributed = bring("distributed", "cluster", "A cluster")
    with _quiet():
        try:
            client = distributed.Client(
                address, timeout=CONNECT_SECONDS, set_as_default=False
            )
        except (OSError, ValueError, TypeError) as error:
            unfit = misfit(error, "A cluster", "distributed", "dask")
            raise unfit or ClusterError(
                f"{address}: no scheduler answers there. Check the address; "
                "'dask scheduler' starts one and prints it."
            ) from error
        try:
            _wait_for_a_worker(client, address)
            yield client
        finally:
            with suppress(Exception):
                client.close(timeout=CLOSE_SECONDS)


@contextmanager
def local_cluster(workers: int) -> Iterator[str]:
    """A cluster of processes of this computer; its address.

    Parameters
    ----------
    workers : int
        Each has its share of the processor's cores.

    Raises
    ------
    SoftwareError
        If `distributed` is missing or does not fit.
    """
    distributed = bring("distributed", "cluster", "A run with workers")
    threads = max(1, (os.cpu_count() or 1) // workers)
    # Set before a worker starts, as in its own environment; without it each has one.
    environment = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    options: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "memory_limit": None,
        "dashboard_address": None,
        "silence_logs": logging.CRITICAL,
        "env": environment,
    }
    # Its types tell of the form that is awaited.
    started: Any = distributed.LocalCluster
    with _quiet(), started(**options) as cluster:
        yield cluster.scheduler_address


def _wait_for_a_worker(client: Client, address: str) -> None:
    """Wait until the cluster has a worker, but not for ever."""
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except TimeoutError as error:
        raise ClusterError(
            f"{address}: the cluster has no worker. Start some with "
            f"'dask worker {address} --nthreads 1'."
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Let `distributed` log nothing meanwhile: what matters is raised."""
    logger = logging.getLogger("distributed")
    parts = [logging.getLogger(f"distributed.{name}") for name in ("client", "comm")]
    before = [(part, part.level) for part in (logger, *parts)]
    for part, _ in before:
        part.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for part, level in before:
            part.setLevel(level)


def check_workers(client: Client, demands: Demands) -> int:
    """Ask every worker whether it can take part.

    Workers that join later are not asked; `complaint` in their first task tells.

    Returns
    -------
    int
        How many there are.

    Raises
    ------
    ClusterError
        If one cannot, with its address and the reason.
    """
    answers: Any = client.run(complaint, demands, on_error="return")
    for address, answer in answers.items():
        if isinstance(answer, ImportError):
            answer = f"cannot import napari-pmrnet ({answer}). {_install(demands)}"
        elif isinstance(answer, BaseException):
            answer = f"{type(answer).__name__}: {answer}"
        if answer:
            raise ClusterError(f"Worker {address}: {answer}")
    return len(answers)


def complaint(demands: Demands) -> str:
    """Say in a sentence why this process cannot take part; empty if it can."""
    if demands.version != __version__:
        return f"has napari-pmrnet {__version__}. {_install(demands)}"
    try:
        found = read_card(find_weights(demands.model)).sha256
    except PMRNetError as error:
        return f"does not have the model. {error}"
    if found != demands.weights_hash:
        return (
            f"has other weights of the model {demands.model} ({found[:12]}, not "
            f"{demands.weights_hash[:12]}). Copy them from here."
        )
    if not demands.is_current():
        return (
            f"does not see the output folder {demands.folder}. It must lie on storage "
            "that all computers see under the same path."
        )
    try:
        with tempfile.TemporaryFile(dir=demands.folder):
            pass
    except OSError as error:
        return (
            f"cannot write to the output folder {demands.folder} "
            f"({error.strerror or error}). Give its user the right to."
        )
    if demands.image is not None and not demands.image.exists():
        return (
            f"does not see the image {demands.image}. Images must lie on storage that "
            "all computers see under the same path."
        )
    return ""


def _install(demands: Demands) -> str:
    """Tell how to get the version that is needed."""
    return f'Run pip install "napari-pmrnet=={demands.version}" there.'


@contextmanager
def turn() -> Iterator[None]:
    """Wait until no other thread of this process runs the network.

    A worker with several threads holds the maps of one image at a time. Lazy images
    are read here meanwhile; Dask would send that to the cluster.
    """
    import dask.config

    with _turn, dask.config.set(scheduler="threads"):
        yield


@contextmanager
def turn_given_up() -> Iterator[None]:
    """Let other threads of this process have their turn meanwhile."""
    _turn.release()
    try:
        yield
    finally:
        _turn.acquire()


def worker_model(name: str, device: str, weights_hash: str) -> Model:
    """The network of this process, loaded when first asked for.

    Parameters
    ----------
    name, device : str
        As in `Settings`.
    weights_hash : str
        SHA-256 that the weights must have.

    Raises
    ------
    WeightsError
        If the weights are missing or altered.
    ClusterError
        If they are others.
    """
    with _turn:
        key = weights_hash, device
        if key not in _models:
            from napari_pmrnet.models import load_model

            model = load_model(name, device)
            if model.card.sha256 != weights_hash:
                raise ClusterError(f"A worker has other weights of the model {name}.")
            _models.clear()
            _models[key] = model
        return _models[key]


def lost(address: str) -> ClusterError:
    """Error to raise when the scheduler is gone."""
    return ClusterError(
        f"{address}: the connection to the scheduler was lost. Finished files are "
        "whole; the same command goes on from here."
    )


def is_running(client: Client) -> bool:
    """Tell whether a client is connected."""
    return client.status == "running"


def worker_count(client: Client, address: str) -> int:
    """Count the workers there are now.

    Raises
    ------
    ClusterError
        If the scheduler is gone.
    """
    try:
        threads: Any = client.nthreads()
    except (OSError, RuntimeError, ValueError) as error:
        raise lost(address) from error
    return len(threads)
