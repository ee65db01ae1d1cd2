"""Compare linking by overlap with a tracker on movies whose tracks are known.

python scripts/experiments/compare_tracking.py     needs laptrack (pip install laptrack)

The movies are those of `make_movie`: true outlines that drift, move at random and
divide, of which a share is missing from each frame, as of a network that misses some.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table

from napari_pmrnet.datasets.synthetic import make_movie
from napari_pmrnet.segmentation.linking import link_by_overlap
from napari_pmrnet.segmentation.tracking import MISSING, Tracks

MOVIES, FRAMES, NUCLEI, SIZE = 5, 30, 90, 512
MISSED = 0.03
REACH = 25.0
"""Pixels from frame to frame up to which the tracker looks: a typical diameter."""
CASES = {
    "still": {"drift": 0.0, "jitter": 1.0},
    "drift 4 px": {"drift": 4.0, "jitter": 1.0},
    "drift 8 px": {"drift": 8.0, "jitter": 2.0},
    "drift 12 px": {"drift": 12.0, "jitter": 2.0},
    "restless 6 px": {"drift": 0.0, "jitter": 6.0},
}

Tracker = Callable[[np.ndarray], np.ndarray]


class Score(NamedTuple):
    """Links of consecutive frames that were found and that are right, tracks kept."""

    recall: float
    precision: float
    whole: float


def main() -> None:
    """Print a row a kind of movie and a way to link."""
    print("| movie | way | links found | links right | whole tracks | s |")
    print("| --- | --- | --- | --- | --- | --- |")
    ways: dict[str, Tracker] = {
        "overlap": link_by_overlap,
        "tracks": by_tracks,
        "laptrack": by_laptrack,
    }
    for case, options in CASES.items():
        movies = [movie(seed, **options) for seed in range(MOVIES)]
        for name, way in ways.items():
            started = time.perf_counter()
            scores = [score(truth, way(seen)) for truth, seen in movies]
            seconds = (time.perf_counter() - started) / MOVIES
            mean = Score(*np.mean(scores, axis=0))
            cells = (f"{100 * value:.1f} %" for value in mean)
            print(f"| {case} | {name} | {' | '.join(cells)} | {seconds:.1f} |")


def movie(seed: int, **options: float) -> tuple[np.ndarray, np.ndarray]:
    """True tracks, and labels as a network finds them: some missing, numbers anew."""
    _, truth, _ = make_movie((SIZE, SIZE), FRAMES, NUCLEI, seed, **options)
    rng, seen = np.random.default_rng(seed), np.zeros_like(truth)
    for frame, found in zip(truth, seen, strict=True):
        names = np.unique(frame)[1:]
        kept = rng.permutation(names[rng.random(len(names)) >= MISSED])
        numbers = np.zeros(truth.max() + 1, np.int32)
        numbers[kept] = np.arange(1, len(kept) + 1)
        found[:] = numbers[frame]
    return truth, seen


def by_tracks(seen: np.ndarray) -> np.ndarray:
    """Labels linked through time as the program does it."""
    tracks = Tracks()
    return np.stack([tracks.numbers(frame)[frame] for frame in seen])


def by_laptrack(seen: np.ndarray) -> np.ndarray:
    """Labels linked by laptrack, on centroids (Fukai and Kawaguchi 2023)."""
    from laptrack import LapTrack

    tables = []
    for t, frame in enumerate(seen):
        properties = regionprops_table(frame, properties=("label", "centroid"))
        tables.append(pd.DataFrame(properties).assign(frame=t))
    tracker = LapTrack(
        cutoff=REACH**2,
        gap_closing_cutoff=REACH**2,
        gap_closing_max_frame_count=MISSING,
        track_start_cost=REACH**2,
        track_end_cost=REACH**2,
    )
    found, _, _ = tracker.predict_dataframe(
        pd.concat(tables, ignore_index=True),
        ["centroid-0", "centroid-1"],
        only_coordinate_cols=False,
    )
    linked = np.zeros_like(seen)
    for t, rows in found.groupby("frame"):
        numbers = np.zeros(seen[t].max() + 1, np.int32)
        numbers[rows["label"]] = rows["track_id"] + 1
        linked[t] = numbers[seen[t]]
    return linked


def score(truth: np.ndarray, linked: np.ndarray) -> Score:
    """How far the tracks of linked labels are the true ones.

    A link of a nucleus that divides to one of the two counts neither way.
    """
    names = [_pairs(*frames) for frames in zip(truth, linked, strict=True)]
    wanted = found = right = neutral = 0
    for before, after in zip(names[:-1], names[1:], strict=True):
        here, there = dict(before), dict(after)
        back = {number: name for name, number in after}
        wanted += len(here.keys() & there.keys())
        for name, number in before:
            if number in back:
                found += 1
                right += back[number] == name
                neutral += name not in there and back[number] not in here
    tracks: dict[int, set[int]] = {}
    for name, number in (pair for frame in names for pair in frame):
        tracks.setdefault(name, set()).add(number)
    owners: dict[int, set[int]] = {}
    for name, numbers in tracks.items():
        for number in numbers:
            owners.setdefault(number, set()).add(name)
    whole = sum(len(numbers) == 1 for numbers in tracks.values())
    return Score(right / wanted, right / max(found - neutral, 1), whole / len(tracks))


def _pairs(truth: np.ndarray, linked: np.ndarray) -> list[tuple[int, int]]:
    """True and given number of every nucleus that was seen in a frame."""
    both = (truth > 0) & (linked > 0)
    pairs: Any = np.unique(np.stack([truth[both], linked[both]]), axis=1)
    return list(map(tuple, pairs.T.tolist()))


if __name__ == "__main__":
    main()
