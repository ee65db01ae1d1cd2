"""The training loop: resumable, logged, the average of the weights kept."""

from __future__ import annotations

import csv
import io
import logging
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.append import add_line
from napari_pmrnet.io.permit import Overwrite, Permit, hash_of
from napari_pmrnet.io.write import replace_file
from napari_pmrnet.models.backends.devices import channels_last, has_fast_bfloat16
from napari_pmrnet.models.model import Model
from napari_pmrnet.training.config import TrainConfig
from napari_pmrnet.training.data import CropSource
from napari_pmrnet.training.loss import total_loss
from napari_pmrnet.training.networks import Build, build_pmrnet, take_weights
from napari_pmrnet.training.validation import Pairs, validation_dice

MOST_HELPERS = 8
LOG_HEAD = b"epoch,crop_size,seconds,"
logger = logging.getLogger(__name__)
Weights = tuple[Tensor, ...] | list[Tensor]
Average = Callable[[Weights, Weights, Tensor | int], None]


@dataclass(frozen=True)
class EpochReport:
    """Report of a finished epoch: losses, validation Dice, seconds left."""

    epoch: int
    epochs: int
    losses: dict[str, float]
    val_dice: float | None
    seconds: float
    seconds_left: float


@dataclass
class Trainer:
    """Trains one network and keeps everything needed to go on after a kill.

    Parameters
    ----------
    config : TrainConfig
    source : CropSource
        Where training crops come from.
    validation : list of (Tensor, ndarray)
        Of `validation_pair`; may be empty.
    checkpoint : Path
        Written after every epoch, to a temporary file and renamed. Found there at the
        start, training goes on from it.
    device : str
        A torch device.
    parent : Model, optional
        A trained PMRNet whose weights to begin with, rather than random ones.
    compiled : bool
        Let ``torch.compile`` fuse the network's kernels and send them to a GPU at once.
        It takes a minute or two for every size of crops.
    build : callable
        Makes the untrained network of `config`; by default the whole PMRNet.
    data : mapping
        Hashes of what is learned from and begun with, by name. A checkpoint with others
        is not gone on from.
    """

    config: TrainConfig
    source: CropSource
    validation: Pairs
    checkpoint: Path
    device: str = "cpu"
    parent: Model | None = None
    compiled: bool = False
    build: Build = build_pmrnet
    data: Mapping[str, str | None] = field(default_factory=dict)
    epoch: int = field(default=0, init=False)
    best_dice: float = field(default=-1.0, init=False)
    written: set[str] | None = field(default=None, init=False)
    """Hashes of the weights and cards that came of this training; None if a version
    that did not note them has begun it."""

    def __post_init__(self) -> None:
        torch.manual_seed(self.config.seed)
        network = self.build(self.config)
        if self.parent is not None:
            take_weights(network, self.config.channels, self.parent)
        self.network = channels_last(network, self.device)
        self._forward = self.network
        if self.compiled:
            how = {"dynamic": False, "mode": "reduce-overhead"}
            self._forward = torch.compile(self.network, **how)
        self.average = AveragedModel(
            self.network,
            multi_avg_fn=_warm_average(self.config.ema_decay),
            use_buffers=True,
        )
        self.optimiser = torch.optim.AdamW(
            _parameter_groups(self.network, self.config.weight_decay),
            lr=self.config.learning_rate,
            fused=True,
        )
        self.best_state = self.state()
        if self.checkpoint.exists():
            self._load()
        else:
            self.written = set()
        self._left = _hash_at(self.checkpoint)

    def state(self) -> dict[str, Tensor]:
        """Copy of the averaged weights, on the CPU."""
        state = self.average.module.state_dict()
        return {
            name: value.detach().cpu().contiguous().clone()
            for name, value in state.items()
        }

    def run(self, report: Callable[[EpochReport], None]) -> dict[str, Tensor]:
        """Train to the last epoch.

        Returns
        -------
        dict of Tensor
            The averaged weights of the epoch with the best validation Dice.

        Raises
        ------
        FloatingPointError
            If the loss is not finite; the checkpoint of the last epoch stays.
        """
        self.average.module.eval()
        started, cost_done = time.monotonic(), 0.0
        with _Helpers(self.device) as pool:
            while self.epoch < self.config.total_epochs:
                begun = time.monotonic()
                losses = self._train_epoch(pool)
                val_dice = self._validate()
                cost_done += self.config.crop_size_at(self.epoch) ** 2
                self.epoch += 1
                self._save()
                left = sum(
                    self.config.crop_size_at(e) ** 2
                    for e in range(self.epoch, self.config.total_epochs)
                )
                now = time.monotonic()
                result = EpochReport(
                    self.epoch,
                    self.config.total_epochs,
                    losses,
                    val_dice,
                    now - begun,
                    (now - started) * left / cost_done,
                )
                self._log(result)
                report(result)
        return self.best_state

    def _train_epoch(self, pool: _Helpers) -> dict[str, float]:
        """One epoch; the next batches are cut while the network works."""
        self.network.train()
        if self.config.frozen_norm:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        steps = self._steps_per_epoch()
        first = self.epoch * steps
        sums: dict[str, float] = {}
        for step, batch in enumerate(self._batches(pool, first, steps), start=first):
            for name, value in self._step(*batch, step).items():
                sums[name] = sums.get(name, 0.0) + value / steps
        return sums

    def _batches(
        self, pool: _Helpers, first: int, count: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches of an epoch in order, each helper one ahead."""
        cut, batch_size = self.source.batch, self.config.batch_size
        size = self.config.crop_size_at(self.epoch)
        waiting: deque[Future] = deque()
        for step in range(first, first + count):
            waiting.append(pool.submit(cut, step, batch_size, size))
            if len(waiting) > pool.count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _step(self, images: Tensor, target: Tensor, step: int) -> dict[str, float]:
        """One optimiser step; the losses before it.

        Dropout is seeded by the step, so that a resumed run equals an unbroken one. The
        losses are read last, since a GPU has finished the step by then.
        """
        torch.manual_seed(self.config.seed * 1_000_003 + step)
        rate = self.config.learning_rate * self._schedule(step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        images = images.to(self.device, memory_format=torch.channels_last)
        with autocast(self.device, self.config.autocast):
            output = self._forward(images, maps=True)
        loss, terms = total_loss(
            output, target.to(self.device), self.config.channels, self.config.loss
        )
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.gradient_clip)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        total, *each = torch.stack([loss.detach(), *terms.values()]).tolist()
        if not math.isfinite(total):
            raise FloatingPointError(
                f"the loss is {total} at step {step}. Lower the learning rate; the "
                f"last good state is in {self.checkpoint}."
            )
        return dict(zip(terms, each, strict=True))

    def _steps_per_epoch(self) -> int:
        return self.config.steps_for(len(self.source.samples))

    def _schedule(self, step: int) -> float:
        """Of every cycle: linear warm-up, then half a cosine down to zero."""
        steps = self.config.epochs * self._steps_per_epoch()
        done = (step % steps + 1) / steps
        if done < self.config.warm_up:
            return done / self.config.warm_up
        rest = (done - self.config.warm_up) / (1 - self.config.warm_up)
        return 0.5 * (1 + math.cos(math.pi * rest))

    def _validate(self) -> float | None:
        """Mean validation Dice of the averaged weights, every few epochs."""
        due = (self.epoch + 1) % self.config.validate_every == 0
        last = (self.epoch + 1) % self.config.epochs == 0
        if not self.validation:
            self.best_state = self.state()
            return None
        if not (due or last):
            return None
        score = validation_dice(
            self.average.module, self.validation, self.config.channels
        )
        if score >= self.best_dice:
            self.best_dice, self.best_state = score, self.state()
        return score

    def permit(self, *contents: bytes) -> Permit:
        """Permit to write weights or a card, which the checkpoint knows from now on.

        What came of this training before may be replaced by it, nothing else.
        """
        known = self.written or set()
        self.written = known | {sha256(content).hexdigest() for content in contents}
        self._save()
        return Permit(known=frozenset(self.written), offered=False)

    def _save(self) -> None:
        """Write the checkpoint; beside one that somebody else has put in its place.

        Raises
        ------
        DataError
            If somebody has. The training is kept, under another name.
        """
        place = self.checkpoint
        if _hash_at(place) not in ("", self._left):
            names = (f"{place.stem}-{number}" for number in count(2))
            free = (place.with_stem(name) for name in names)
            other = next(path for path in free if not os.path.lexists(path))
            self._write(other, Permit(offered=False))
            raise DataError(
                f"{place}: another program has put a file there, which stays. This "
                f"training is kept in {other}: it goes on from there if the output "
                f"is called {other.stem}."
            )
        self._left = self._write(place, True)

    def _write(self, place: Path, overwrite: Overwrite) -> str:
        """Write a checkpoint; its hash."""
        state = {
            "config": self.config.as_dict(),
            "data": dict(self.data),
            **({} if self.written is None else {"written": sorted(self.written)}),
            "epoch": self.epoch,
            "best_dice": self.best_dice,
            "best_state": self.best_state,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        content = io.BytesIO()
        torch.save(state, content)
        replace_file(place, lambda file: file.write(content.getbuffer()), overwrite)
        return sha256(content.getbuffer()).hexdigest()

    def _load(self) -> None:
        state: dict[str, Any] = torch.load(
            self.checkpoint, map_location=self.device, weights_only=True
        )
        before = TrainConfig.from_dict(state["config"])
        if replace(before, cycles=self.config.cycles) != self.config:
            raise DataError(
                f"{self.checkpoint} was written with other settings. Resume with the "
                "same settings, or name another output file."
            )
        known = state.get("data", {})
        changed = [
            name for name, value in self.data.items() if known.get(name) != value
        ]
        if known and changed:
            raise DataError(
                f"{self.checkpoint} was written by a training with other "
                f"{' and '.join(changed)}. Resume with the same, or name another "
                "output file."
            )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.epoch, self.best_dice = state["epoch"], state["best_dice"]
        written = state.get("written")
        self.written = None if written is None else set(written)
        self.best_state = {k: v.cpu() for k, v in state["best_state"].items()}

    def _log(self, report: EpochReport) -> None:
        """Append a row to the CSV log beside the checkpoint, unless it is no such.

        A log that cannot be written, such as one that is open in a spreadsheet, ends no
        training.
        """
        row = {
            "epoch": report.epoch,
            "crop_size": self.config.crop_size_at(report.epoch - 1),
            "seconds": round(report.seconds, 1),
            **{name: round(value, 5) for name, value in report.losses.items()},
            "val_dice": "" if report.val_dice is None else round(report.val_dice, 5),
        }
        path, text = self.checkpoint.with_suffix(".csv"), io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=row)
        try:
            begun = _start_of(path)
            if begun and not begun.startswith(LOG_HEAD):
                logger.warning("%s: is no log of a training, and stays as it is.", path)
                return
            if not begun:
                writer.writeheader()
            writer.writerow(row)
            add_line(path, text.getvalue().encode())
        except OSError as error:
            told = "%s: cannot be written (%s), so epoch %d is missing there."
            logger.warning(told, path, error.strerror or error, report.epoch)


def _hash_at(path: Path) -> str:
    """Hash of a file; empty if it is not there."""
    return hash_of(path) if path.is_file() else ""


def _start_of(path: Path) -> bytes:
    """The first bytes of a file; none if it is empty or not there."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(LOG_HEAD))
    except FileNotFoundError:
        return b""


class _Helpers(ThreadPoolExecutor):
    """Threads that cut crops: one beside a processor that trains, more beside a GPU.

    What they say of threads is taken back in the end: torch gives every thread that
    comes later the number that was set last.
    """

    def __init__(self, device: str) -> None:
        beside_gpu = torch.device(device).type != "cpu"
        self.count = min(MOST_HELPERS, os.cpu_count() or 1) if beside_gpu else 1
        self._threads_before = torch.get_num_threads()
        super().__init__(self.count, initializer=_work_alone)

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            torch.set_num_threads(self._threads_before)


def _work_alone() -> None:
    """Keep the calling thread to one core, whichever is free.

    It would else inherit the core that OpenMP bound the training thread to, and call in
    helpers of its own.
    """
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _warm_average(decay: float) -> Average:
    """Moving average that forgets the first, untrained weights quickly."""

    def update(averaged: Weights, current: Weights, count: Tensor | int) -> None:
        done = int(count)
        get_ema_multi_avg_fn(min(decay, (1 + done) / (10 + done)))(
            averaged, current, count
        )

    return update


def _parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for convolution kernels only."""
    convolutions = (nn.Conv2d, nn.ConvTranspose2d)
    kernels = [m.weight for m in network.modules() if isinstance(m, convolutions)]
    ids = {id(p) for p in kernels}
    rest = [p for p in network.parameters() if id(p) not in ids]
    return [
        {"params": kernels, "weight_decay": weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]


def autocast(device: str, mode: str = "auto") -> Any:
    """bfloat16 autocast where the processor or GPU has it, else nothing.

    Parameters
    ----------
    device : str
        A torch device.
    mode : str
        ``auto``, ``on`` or ``off``; ``auto`` asks `has_fast_bfloat16`.
    """
    kind = torch.device(device).type
    fast = has_fast_bfloat16(kind) if mode == "auto" else mode == "on"
    return torch.autocast(kind, torch.bfloat16) if fast else nullcontext()
