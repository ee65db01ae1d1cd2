"""Numbers of several planes summed up: duration, way and volume, with their units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.proofreading.tracks import Axis, tracks


def moving(steps: list[tuple[int, float, float]], label: int = 1) -> pd.DataFrame:
    """A nucleus of 4 at frames and centroids."""
    frames, ys, xs = zip(*steps, strict=True)
    return pd.DataFrame(
        {
            "axis 0": frames,
            "area": 4.0,
            "centroid_y": ys,
            "centroid_x": xs,
            "certainty": np.linspace(0.4, 0.8, len(steps)),
            "intensity dna": np.arange(len(steps), dtype=float),
            "max intensity dna": 9.0,
        },
        index=pd.Index([label] * len(steps), name="label"),
    )


def test_a_track_has_a_duration_and_a_way() -> None:
    table = pd.concat(
        [moving([(2, 0, 0), (3, 3, 4), (5, 3, 0)]), moving([(0, 1, 1)], 7)]
    )
    found = tracks(table, [Axis("t", 30.0, "s")], "um")
    assert found.columns.tolist() == [
        *("planes", "first t", "last t", "mean area [um^2]", "duration [s]"),
        *("displacement [um]", "path length [um]"),
        *("mean certainty", "mean intensity dna"),
    ]
    assert found.loc[1].tolist() == pytest.approx([3, 2, 5, 4, 90, 3, 9, 0.6, 1])
    assert found.loc[7, "planes":"path length [um]"].tolist() == [1, 0, 0, 4, 0, 0, 0]
    frames = tracks(table, [Axis("frame")], "pixel")
    assert frames.loc[1, "duration [frames]"] == 3


def test_areas_times_the_step_are_a_volume() -> None:
    table = moving([(2, 0, 0), (3, 0, 0), (4, 0, 0)])
    assert tracks(table, [Axis("z", -500.0, "nm")], "um")["volume [um^3]"][1] == 6
    voxels = tracks(table, [Axis("z")], "pixel")
    assert voxels["volume [pixel^3]"][1] == 12
    assert "duration [frames]" not in voxels
    assert not [n for n in tracks(table, [Axis("z", 2.0, "s")], "um") if "vol" in n]
    plain = tracks(table, [Axis("axis 0", 2.0)], "um")
    assert plain.columns[:4].tolist() == [
        *("planes", "first axis 0", "last axis 0", "mean area [um^2]"),
    ]


def test_a_volume_is_of_one_time() -> None:
    table = moving([(0, 0, 0), (0, 0, 0), (1, 0, 0)]).assign(**{"axis 1": [0, 1, 0]})
    table = pd.concat([table, table.iloc[:2].set_axis([2, 2])])
    axes = [Axis("t", 1.0, "s"), Axis("z", 2.0, "um")]
    volume = tracks(table, axes, "um")["volume [um^3]"]
    assert np.isnan(volume[1]) and volume[2] == 16


places = st.tuples(st.integers(0, 9), st.floats(-99, 99), st.floats(-99, 99))


@given(st.lists(places, min_size=1, max_size=10, unique_by=lambda place: place[0]))
@settings(max_examples=50, deadline=None)
def test_no_way_is_shorter_than_the_displacement(steps) -> None:
    found = tracks(moving(steps), [Axis("t")], "um").loc[1]
    assert found["path length [um]"] >= found["displacement [um]"] - 1e-9
    assert found["planes"] == len(steps)
    frames = [frame for frame, _, _ in steps]
    assert (found["first t"], found["last t"]) == (min(frames), max(frames))
