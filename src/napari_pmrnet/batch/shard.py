"""A part of a batch, for what starts many processes: SLURM, Snakemake, Nextflow.

Every process is given all inputs and its number. Which files are whose follows from
their order alone, and so do the names of labels: processes need not know of each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Item = TypeVar("Item")


class Shard(NamedTuple):
    """One of several parts.

    Attributes
    ----------
    number : int
        From 1 on.
    count : int
        How many there are.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``.

        Raises
        ------
        ValueError
            If it says no such part.
        """
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text.strip(), re.ASCII)
        shard = None if found is None else cls(int(found[1]), int(found[2]))
        if shard is None or shard.number > shard.count:
            raise ValueError(
                f"shard is '{text}'; it must be i/n, from 1/n to n/n, such as 3/8."
            )
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def name(self) -> str:
        """The part as it stands in names of files."""
        return f"{self.number}-of-{self.count}"

    def of(self, items: Sequence[Item]) -> list[Item]:
        """The items of this part: every ``count``-th one."""
        return list(items[self.number - 1 :: self.count])
