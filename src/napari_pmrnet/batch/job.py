"""Batch job: what is asked of a batch, and how to ask for the same by command."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from napari_pmrnet.batch.shard import Shard
from napari_pmrnet.errors import WeightsError
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.proofreading.classes import Classes
from napari_pmrnet.settings import Settings

SWITCHES = (
    "recursive",
    "overwrite",
    "strict",
    "mask_unreadable",
    "keep_maps",
    "plate_labels",
)
LINKED = ("t", "z")


@dataclass(frozen=True)
class BatchJob:
    """Images to segment, and where the results go.

    Attributes
    ----------
    inputs : tuple of str
        Files, folders and patterns such as ``"plate/*.tif"``.
    output : Path
        Folder for labels, table and contact sheet; made if it is not there.
    settings : Settings
    recursive : bool
        Also search the subfolders of folders.
    overwrite : bool
        Segment finished files again, and replace labels that were corrected since or
        that are not of a batch.
    strict : bool
        Stop at the first file that cannot be segmented.
    scheduler : str or None
        Address of the scheduler of a `dask.distributed` cluster whose workers do the
        work, such as ``tcp://10.0.0.5:8786``; None for this process alone.
    link : str or None
        Axis of stacks through which nuclei keep their number, ``"t"`` or ``"z"``; see
        `link_by_overlap`.
    mask_unreadable : bool
        Count chunks of an image that cannot be read as background, and say how many,
        rather than refuse the file.
    workers : int
        Processes of this computer that share the files; with 1 this process alone.
    keep_maps : bool
        Keep the maps of the files that are segmented, so that a later run with other
        thresholds needs no network.
    classes : tuple of str
        Classes that nuclei are told apart by and counted, as `Classes.parse` reads
        them, with columns named as in ``objects.csv``.
    shard : Shard or None
        Segment this part of the files only, and leave the tables of all to a run
        without a shard; runs with other shards may go on at the same time.
    scene : str or None
        Name or number, from 0, of the one image that is segmented of files that hold
        several; None for all of them. A file with a single image that has no name is
        segmented whatever it says.
    plate_labels : bool
        Also write the labels of OME-Zarr plates as a plate, see `write_label_plates`.

    Raises
    ------
    ValueError
        If there is no such axis to link through, no such number of workers, or a class
        cannot be read.
    """

    inputs: tuple[str, ...]
    output: Path
    settings: Settings = field(default_factory=Settings)
    recursive: bool = False
    overwrite: bool = False
    strict: bool = False
    scheduler: str | None = None
    link: str | None = None
    mask_unreadable: bool = False
    workers: int = 1
    keep_maps: bool = False
    classes: tuple[str, ...] = ()
    shard: Shard | None = None
    scene: str | None = None
    plate_labels: bool = False

    def __post_init__(self) -> None:
        if self.link not in (None, *LINKED):
            raise ValueError(f"link is '{self.link}'; it must be t or z, or left out.")
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}; it must be at least 1.")
        if self.workers > 1 and self.scheduler is not None:
            raise ValueError("A cluster has workers of its own: leave workers out.")
        for text in self.classes:
            Classes.parse(text)

    @property
    def told_apart(self) -> tuple[Classes, ...]:
        """The classes that the texts spell."""
        return tuple(map(Classes.parse, self.classes))

    def as_arguments(self) -> list[str]:
        """The command that does the same, as a list of its words."""
        words = ["napari-pmrnet", "segment"]
        dashed = any(text.startswith("-") for text in self.inputs)
        if not dashed:
            words += self.inputs
        words += ["--output", str(self.output), *_setting_options(self.settings)]
        given = (name for name in SWITCHES if getattr(self, name))
        words += [f"--{name.replace('_', '-')}" for name in given]
        if self.scheduler is not None:
            words += ["--scheduler", self.scheduler]
        words += ["--link", self.link] if self.link else []
        words += ["--workers", str(self.workers)] if self.workers > 1 else []
        words += [word for text in self.classes for word in ("--class", text)]
        words += ["--shard", str(self.shard)] if self.shard else []
        words += [] if self.scene is None else [f"--scene={self.scene}"]
        return [*words, "--", *self.inputs] if dashed else words

    def as_command(self) -> str:
        """The command that does the same, quoted for this system's shell."""
        return quoted(self.as_arguments())

    def as_python(self) -> str:
        """Python that does the same."""
        lines = [f"    {list(self.inputs)},", f"    {str(self.output)!r},"]
        settings = ", ".join(
            f"{spec.name}={getattr(self.settings, spec.name)!r}"
            for spec in fields(Settings)
            if getattr(self.settings, spec.name) != spec.default
        )
        lines.append(f"    Settings({settings}),")
        lines += [f"    {name}=True," for name in SWITCHES if getattr(self, name)]
        if self.scheduler is not None:
            lines.append(f"    scheduler={self.scheduler!r},")
        lines += [f"    link={self.link!r},"] if self.link else []
        lines += [f"    workers={self.workers},"] if self.workers > 1 else []
        lines += [f"    classes={list(self.classes)},"] if self.classes else []
        lines += [f"    shard={str(self.shard)!r},"] if self.shard else []
        lines += [] if self.scene is None else [f"    scene={self.scene!r},"]
        return "\n".join(
            [
                "from napari_pmrnet import Settings",
                "from napari_pmrnet.batch import segment_files",
                "",
                "segment_files(",
                *lines,
                ")",
            ]
        )


def quoted(words: list[str]) -> str:
    """Words of a command, quoted for this system's shell."""
    if sys.platform == "win32":
        return subprocess.list2cmdline(words)
    return shlex.join(words)


def _setting_options(settings: Settings) -> Iterator[str]:
    """Options of the settings that are not what the command takes by itself."""
    try:
        usual = Settings.for_card(read_card(find_weights(settings.model)))
    except WeightsError:
        usual = Settings()
    usual_model = Settings().model
    for spec in fields(Settings):
        value = getattr(settings, spec.name)
        default = usual_model if spec.name == "model" else getattr(usual, spec.name)
        if value == default or value is None:
            continue
        flag = spec.name.replace("_", "-")
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        else:
            yield from (f"--{flag}", str(value))
