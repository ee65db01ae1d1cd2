"""A network with its weights verified, on a device, ready for tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_pmrnet._runtime import forks, import_torch
from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.models.backends.base import Backend, BackendError, Device, Maps
from napari_pmrnet.models.backends.choose import (
    AFTER_FORK,
    instead,
    make_backend,
    needs_network,
)
from napari_pmrnet.models.backends.devices import channels_last, choose_device
from napari_pmrnet.models.card import ModelCard, read_verified
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

GPU_BATCH = 16
FLIPS = ((), (2,), (3,), (2, 3))
FLOWS = {2: "flow_y", 3: "flow_x"}
_EXTRA = ("gate_half", "gate_quarter", "esconv")

_lock = Lock()


@dataclass(frozen=True)
class StoredWeights:
    """Weights of a PMRNet that no network was made from yet, nor torch imported.

    Attributes
    ----------
    content : bytes
        Of a file that belongs to its card.
    channels : int
        Output channels of the network.
    path : Path
        The file, for messages.
    """

    content: bytes = field(repr=False)
    channels: int
    path: Path = field(compare=False)

    def network(self, device: Device) -> nn.Module:
        """The network on a device.

        Raises
        ------
        WeightsError
            If these are weights of another network.
        SoftwareError
            If torch or safetensors is missing or does not fit.
        """
        import_torch()
        from napari_pmrnet.models.weights import network_of

        network = network_of(self.content, self.channels, self.path)
        return channels_last(network.eval(), device)


@dataclass(frozen=True)
class Model:
    """A loaded network.

    Attributes
    ----------
    name : str
        Name of a model or of the file.
    card : ModelCard
    weights : StoredWeights or Module
        What the network is made from when it is asked for. Or `PMRNet`, or one that
        takes and gives the same, in evaluation mode, on the device, in channels_last
        memory format.
    device : Device
        Where the network is.
    wanted_backend : str
        One of `BACKENDS`; ``auto`` is the fastest.
    forks : int
        Of the process that it was loaded in; see `_runtime.forks`.
    """

    name: str
    card: ModelCard
    weights: StoredWeights | nn.Module
    device: Device
    wanted_backend: str = "auto"
    forks: int = field(default_factory=forks, compare=False)

    @cached_property
    def network(self) -> nn.Module:
        """The network on its device, made from its weights when first asked for."""
        return self.make_network()

    @property
    def make_network(self) -> Callable[[], nn.Module]:
        """What makes `network`, and holds its weights but not the model."""
        weights = self.weights
        if isinstance(weights, StoredWeights):
            return partial(weights.network, self.device)
        return lambda: weights

    @property
    def is_whole(self) -> bool:
        """Whether the network is the whole PMRNet, and no other or part of it."""
        if isinstance(self.weights, StoredWeights):
            return True
        from napari_pmrnet.network import PMRNet

        return isinstance(self.weights, PMRNet)

    @cached_property
    def backend(self) -> Backend:
        """Backend of the network, made from its weights when first asked for."""
        return make_backend(self)

    @property
    def survives(self) -> bool:
        """Whether it works in this process, which may be a fork of its own."""
        if self.forks == forks():
            return True
        return self.device.type == "cpu" and self.backend.survives_fork

    @property
    def runs_on(self) -> str:
        """Device and backend, as the user is told."""
        return f"{self.device} with {self.backend.name}"

    @property
    def tile(self) -> int:
        """Side of the tiles the network sees, in pixels."""
        return self.card.tile

    @property
    def overlap(self) -> int:
        """Overlap of neighbouring tiles, in pixels."""
        return self.card.overlap

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the network's output channels."""
        return self.card.channels

    @property
    def batch_size(self) -> int:
        """Tiles at once: one fits a processor's cache, a GPU wants many."""
        return 1 if self.device.type == "cpu" else GPU_BATCH

    @property
    def at_once(self) -> int:
        """Calls of `begin` that are best under way at once."""
        return self.backend.at_once if self.device.type == "cpu" else 1

    def map_names(self, extra: bool = False) -> tuple[str, ...]:
        """Names of the maps of `predict_tiles`, in order."""
        return (*self.channels, "boundary", "pgrf", *(_EXTRA if extra else ()))

    def to(self, device: str) -> Model:
        """A copy of the model on another device; this one stays where it is."""
        target, weights = Device(device), self.weights
        if not isinstance(weights, StoredWeights):
            weights = channels_last(deepcopy(weights), target)
        backend = "pytorch" if self.wanted_backend == "pytorch" else "auto"
        return replace(self, weights=weights, device=target, wanted_backend=backend)

    def predict_tiles(
        self,
        tiles: np.ndarray | Tensor,
        extra: bool = False,
        size: tuple[int, int] | None = None,
        flips: bool = False,
    ) -> np.ndarray:
        """Run the network on tiles.

        Parameters
        ----------
        tiles : ndarray or Tensor of float32, shape (N, 3, h, w)
            Intensities in [0, 1].
        extra : bool
            Also the gates at 1/2 and 1/4 scale and ESConv's boundary map.
        size : tuple of int, optional
            Height and width at which the network sees a tile, which is resized to them
            and the maps back. By default h and w, which then are multiples of 8.
        flips : bool
            Mean over the tile as it is, flipped along each axis and along both.

        Returns
        -------
        ndarray of float32, shape (N, len(map_names(extra)), h, w)
            Every map in [0, 1], at full scale.

        Raises
        ------
        PMRNetError
            In a forked process, of a model on a GPU or in OpenVINO loaded before.
        """
        return self._begin(tiles, extra, size, flips)()

    def begin(
        self,
        tiles: np.ndarray,
        extra: bool = False,
        size: tuple[int, int] | None = None,
        flips: bool = False,
    ) -> Callable[[], np.ndarray]:
        """Begin what `predict_tiles` does, beside `at_once` others.

        Returns
        -------
        callable
            Waits for the maps, which are those of `predict_tiles`, and returns them.
        """
        return self._begin(tiles, extra, size, flips, beside=True)

    def prepare(self, size: tuple[int, int], beside: bool = False) -> None:
        """Do ahead what the backend does when it first meets tiles of a size.

        Parameters
        ----------
        size : tuple of int
            Height and width at which the network will see them; multiples of 8.
        beside : bool
            Whether `begin` is to be called for them, rather than `predict_tiles`.
        """
        backend = self.backend
        try:
            backend.prepare(*size, beside)
        except BackendError as error:
            self._instead_of(backend, error).prepare(*size, beside)

    def _begin(
        self,
        tiles: np.ndarray | Tensor,
        extra: bool,
        size: tuple[int, int] | None,
        flips: bool,
        beside: bool = False,
    ) -> Callable[[], np.ndarray]:
        """Begin with tiles; where the backend fails, once more in another."""
        if not self.survives:
            raise PMRNetError(AFTER_FORK.format(f"The model on {self.runs_on}"))
        backend = self.backend
        begin = partial(self._begin_in, tiles, extra, size, flips, beside)
        try:
            answer = begin(backend)
        except BackendError as error:
            return begin(self._instead_of(backend, error))

        def maps() -> np.ndarray:
            try:
                return answer()
            except BackendError as error:
                return begin(self._instead_of(backend, error))()

        return maps

    def _instead_of(self, failed: Backend, error: BackendError) -> Backend:
        """The backend from now on, made once for all calls that are under way."""
        if self.wanted_backend != "auto":
            raise error
        with _lock:
            if self.backend is failed:
                vars(self)["backend"] = instead(self, error)
            return self.backend

    def _begin_in(
        self,
        tiles: np.ndarray | Tensor,
        extra: bool,
        size: tuple[int, int] | None,
        flips: bool,
        beside: bool,
        backend: Backend,
    ) -> Callable[[], np.ndarray]:
        """Give a backend tiles; its answers become maps when they are called for."""
        arrays, (height, width) = backend.arrays, tiles.shape[-2:]
        seen = size or (height, width)
        batch = arrays.resize(arrays.put(tiles), seen)
        views = FLIPS if flips else FLIPS[:1]
        answers = [
            backend.begin(arrays.flip(batch, axes, ()), beside) for axes in views
        ]

        def maps() -> np.ndarray:
            total = sum(
                arrays.flip(
                    self._joined(backend, answer(), seen, extra),
                    axes,
                    flow_channels(self.channels, axes),
                )
                for axes, answer in zip(views, answers, strict=True)
            )
            return arrays.get(arrays.resize(total / len(views), (height, width)))

        return maps

    def _joined(
        self, backend: Backend, out: Maps, seen: Sequence[int], extra: bool
    ) -> Any:
        """All maps (N, n, h, w) of tiles, as the network saw them."""
        arrays = backend.arrays
        logits = arrays.sigmoid(out.logits, but=flow_channels(self.channels))
        maps = [logits, out.full, out.certainty]
        if extra:
            maps += [arrays.resize(gate, seen) for gate in (out.half, out.quarter)]
            maps.append(out.esconv)
        return arrays.join(maps)


def flow_channels(
    channels: Sequence[str], axes: Sequence[int] = tuple(FLOWS)
) -> list[int]:
    """Channels that are no probabilities but flows, along some axes of (N, C, H, W)."""
    names = [FLOWS[axis] for axis in axes]
    return [index for index, name in enumerate(channels) if name in names]


def load_model(
    name: str | Path = Settings.model, device: str = "auto", backend: str = "auto"
) -> Model:
    """Load and verify weights.

    torch is not imported if it is not needed: where OpenVINO has kept a conversion.

    Parameters
    ----------
    name : str or Path
        Name of a model, or path of a ``.safetensors`` file with its card
        (``.json``) beside it.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    backend : str
        One of `BACKENDS`; see `make_backend`.

    Returns
    -------
    Model

    Raises
    ------
    WeightsError
        If weights or card are missing, spoilt, do not belong together, or are of
        another network.
    SoftwareError
        If torch or safetensors does not fit.

    Examples
    --------
    >>> from napari_pmrnet import load_model
    >>> model = load_model("nuclei", device="cpu")
    >>> model.channels
    ('probability', 'flow_y', 'flow_x')
    """
    path = find_weights(name)
    content, card = read_verified(path)
    weights = StoredWeights(content, len(card.channels), path)
    model = Model(path.stem, card, weights, choose_device(device), backend)
    if needs_network(model):
        _ = model.network  # a file that holds another network is refused here
    return model
