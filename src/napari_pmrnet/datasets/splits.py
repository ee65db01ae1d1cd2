"""Splits by group: neighbours are never on both sides.

The order of groups comes from a hash of their names, so that a split is the same on
every machine and with every version of NumPy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from hashlib import sha256

SPLIT_SEED = 0
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
VAL_SHARES = {"train": 0.9, "val": 0.1}


def grouped_split(
    groups: Mapping[str, str],
    shares: Mapping[str, float] = SHARES,
    seed: int = SPLIT_SEED,
) -> dict[str, str]:
    """Share out images among subsets, whole groups at a time.

    The largest group goes first, groups of one size in a seeded order, each to the
    subset that lacks most images. No subset stays empty if there are groups enough.

    Parameters
    ----------
    groups : mapping of str to str
        The group of every image.
    shares : mapping of str to float
        The part of the images that each subset should hold.
    seed : int

    Returns
    -------
    dict of str to str
        The subset of every image.
    """
    sizes = Counter(groups.values())
    order = sorted(sizes, key=lambda group: (-sizes[group], _hashed(group, seed)))
    lacking = {name: share * len(groups) for name, share in shares.items()}
    empty, chosen = list(shares), {}
    for done, group in enumerate(order):
        left = len(order) - done
        names = empty if left <= len(empty) else lacking
        subset = max(names, key=lambda name: lacking[name])
        chosen[group] = subset
        lacking[subset] -= sizes[group]
        if subset in empty:
            empty.remove(subset)
    return {image_id: chosen[group] for image_id, group in groups.items()}


def completed_split(
    official: Mapping[str, str], groups: Mapping[str, str]
) -> dict[str, str] | None:
    """An official split, with a ``val`` taken out of ``train`` where it has none.

    Parameters
    ----------
    official : mapping of str to str
        The official subset of every image; empty where it has none.
    groups : mapping of str to str
        The group of every image.

    Returns
    -------
    dict of str to str or None
        None if the images at hand do not have both ``train`` and another subset.
    """
    subsets = {*official.values()} - {""}
    if "train" not in subsets or len(subsets) < 2:
        return None
    if "val" in subsets:
        return dict(official)
    train = {i: groups[i] for i, subset in official.items() if subset == "train"}
    return {**official, **grouped_split(train, VAL_SHARES)}


def _hashed(group: str, seed: int) -> str:
    return sha256(f"{seed}/{group}".encode()).hexdigest()
