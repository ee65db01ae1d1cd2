"""A network with its weights verified, on a device, ready for tiles."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from napari_pmrnet._runtime import forks
from napari_pmrnet._software import misfit
from napari_pmrnet.errors import PMRNetError, WeightsError
from napari_pmrnet.models.backends.choose import AFTER_FORK, Backend, make_backend
from napari_pmrnet.models.backends.devices import channels_last, choose_device
from napari_pmrnet.models.backends.eager import Maps, TorchBackend
from napari_pmrnet.models.card import ModelCard, read_verified
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.network import PMRNet
from napari_pmrnet.settings import Settings

GPU_BATCH = 16
FLIPS = ((), (2,), (3,), (2, 3))
_EXTRA = ("gate_half", "gate_quarter", "esconv")


@dataclass(frozen=True)
class Model:
    """A loaded network.

    Attributes
    ----------
    name : str
        Name of a model or of the file.
    card : ModelCard
    network : Module
        `PMRNet`, or one that takes and gives the same, in evaluation mode, in
        channels_last memory format.
    device : torch.device
        Where the network is.
    wanted_backend : str
        One of `BACKENDS`; ``auto`` is the fastest.
    source : Path or None
        File of the weights, where it is known.
    forks : int
        Of the process that it was loaded in; see `_runtime.forks`.
    """

    name: str
    card: ModelCard
    network: nn.Module
    device: torch.device
    wanted_backend: str = "auto"
    source: Path | None = field(default=None, compare=False)
    forks: int = field(default_factory=forks, compare=False)

    @cached_property
    def backend(self) -> Backend:
        """Backend of the network, made from its weights when first asked for."""
        return make_backend(
            self.network, self.device, self.wanted_backend, self.card.sha256
        )

    @property
    def survives(self) -> bool:
        """Whether it works in this process, which may be a fork of its own."""
        if self.forks == forks():
            return True
        return self.device.type == "cpu" and isinstance(self.backend, TorchBackend)

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
        """A copy of the model on another device; this one stays where it is.

        Where its own device is gone, the weights are read from their file again.
        """
        target = torch.device(device)
        backend = "pytorch" if self.wanted_backend == "pytorch" else "auto"
        try:
            network = deepcopy(self.network).to(target)
        except RuntimeError:
            if self.source is None:
                raise
            return load_model(self.source, device, backend)
        return replace(self, network=network, device=target, wanted_backend=backend)

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

    @torch.inference_mode()
    def _begin(
        self,
        tiles: np.ndarray | Tensor,
        extra: bool,
        size: tuple[int, int] | None,
        flips: bool,
        beside: bool = False,
    ) -> Callable[[], np.ndarray]:
        """Give the backend tiles; its answers become maps when they are called for."""
        if not self.survives:
            raise PMRNetError(AFTER_FORK.format(f"The model on {self.runs_on}"))
        batch = _to_device(torch.as_tensor(tiles), self.device)
        shape = batch.shape[-2:]
        if size is not None:
            batch = _resize(batch, size)
        views = FLIPS if flips else FLIPS[:1]
        answers = [self.backend.begin(batch.flip(axes), beside) for axes in views]

        @torch.inference_mode()
        def maps() -> np.ndarray:
            total = torch.zeros(())
            for axes, answer in zip(views, answers, strict=True):
                total = total + self._maps(answer(), batch.shape[-2:], extra, axes)
            return _to_host(_resize(total / len(views), shape)).numpy()

        return maps

    def _maps(
        self, out: Maps, shape: Sequence[int], extra: bool, axes: tuple[int, ...]
    ) -> Tensor:
        """All maps (N, n, h, w) of tiles that the network saw flipped."""
        maps = [
            activate(out.logits, self.channels),
            out.full,
            out.certainty,
        ]
        if extra:
            coarse = (out.half, out.quarter)
            maps += [_resize(gate, shape) for gate in coarse]
            maps.append(out.esconv)
        back = torch.cat(maps, dim=1).flip(axes)
        for axis, name in ((2, "flow_y"), (3, "flow_x")):
            if axis in axes and name in self.channels:
                back[:, self.channels.index(name)].neg_()
        return back


def activate(logits: Tensor, channels: tuple[str, ...]) -> Tensor:
    """Sigmoid of every channel but flows, which are vectors."""
    flows = [name.startswith("flow_") for name in channels]
    if not any(flows):
        return torch.sigmoid(logits)
    keep = torch.tensor(flows, device=logits.device)[:, None, None]
    return torch.where(keep, logits, torch.sigmoid(logits))


def _to_device(tiles: Tensor, device: torch.device) -> Tensor:
    """Tiles in float32 and channels_last; to a GPU from pinned memory."""
    if device.type == "cuda" and tiles.device.type == "cpu":
        pinned = tiles.to(torch.float32).pin_memory()
        tiles = pinned.to(device, non_blocking=True)
    return tiles.to(device, torch.float32, memory_format=torch.channels_last)


def _to_host(maps: Tensor) -> Tensor:
    """Maps on the CPU; from a GPU into pinned memory, which is many times as fast."""
    if maps.device.type != "cuda":
        return maps.cpu()
    host = torch.empty(maps.shape, dtype=maps.dtype, pin_memory=True)
    host.copy_(maps, non_blocking=True)
    torch.cuda.current_stream(maps.device).synchronize()
    return host


def _resize(planes: Tensor, size: Sequence[int]) -> Tensor:
    """Planes (N, C, H, W) at another size, with antialiasing where they shrink."""
    if planes.shape[-2:] == torch.Size(size):
        return planes
    return torch.nn.functional.interpolate(
        planes, tuple(size), mode="bilinear", align_corners=False, antialias=True
    )


def load_model(
    name: str | Path = Settings.model, device: str = "auto", backend: str = "auto"
) -> Model:
    """Load and verify weights.

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
    >>> model = load_model("dsb18", device="cpu")
    >>> model.channels
    ('probability', 'flow_y', 'flow_x')
    """
    path = find_weights(name)
    weights, card = read_verified(path)
    network = PMRNet(out_channels=len(card.channels))
    try:
        network.load_state_dict(load(weights))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        unfit = misfit(error, str(path), "torch", "safetensors")
        raise unfit or WeightsError(
            f"{path} does not hold weights of the PMRNet its card describes "
            f"({_first_line(error)}). Choose another model."
        ) from error
    target = choose_device(device)
    network = channels_last(network.eval(), target)
    return Model(path.stem, card, network, target, backend, path)


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:120]
