"""Outlines, ROIs and GeoJSON: filled again, they are the labels they came from."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.path import Path as Outline
from roifile import roiread
from skimage.measure import label as connected_parts

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.outlines import outlines, trace
from napari_pmrnet.io.rois import write_geojson, write_rois


def filled(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """Pixels whose centre lies in an odd number of rings of corners (y, x)."""
    centres = np.argwhere(np.ones(shape, bool)) + 0.5
    inside = np.zeros(len(centres), bool)
    for ring in rings:
        inside ^= Outline(ring).contains_points(centres)
    return inside.reshape(shape)


def nuclei() -> np.ndarray:
    """A disc, a ring around a nucleus, one in two parts, one cut by the corner."""
    y, x = np.mgrid[:50, :70]
    labels = np.zeros((50, 70), np.int32)
    labels[np.hypot(y - 12, x - 14) < 9] = 3
    labels[np.hypot(y - 30, x - 45) < 14] = 12
    labels[np.hypot(y - 30, x - 45) < 6] = 0
    labels[np.hypot(y - 30, x - 45) < 4] = 7
    labels[2:5, 60:66] = labels[7:9, 62:68] = 20
    labels[44:, :8] = 21
    return labels


@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(max_examples=200, deadline=None)
def test_tracing_holds_exactly_the_pixels(mask: np.ndarray) -> None:
    polygons = trace(mask)
    assert len(polygons) == connected_parts(mask, connectivity=1).max()
    rings = [ring for polygon in polygons for ring in polygon]
    assert (filled(rings, mask.shape) == mask).all()
    for outer, *holes in polygons:
        whole = filled([outer], mask.shape)
        assert all((filled([hole], mask.shape) <= whole).all() for hole in holes)
        steps = np.abs(np.diff(np.concatenate([outer, outer[:1]]), axis=0))
        assert (steps.min(axis=1) == 0).all() and (steps.max(axis=1) > 0).all()


def test_rings_have_no_corner_too_many() -> None:
    (rings,) = trace(np.ones((3, 5), bool))
    assert sorted(map(tuple, rings[0].tolist())) == [(0, 0), (0, 5), (3, 0), (3, 5)]


def test_rois_filled_again_are_the_labels(tmp_path: Path) -> None:
    labels = nuclei()
    path = write_rois(tmp_path / "cells", labels)
    assert path.suffix == ".zip"
    rois, back = roiread(path), np.zeros_like(labels)
    assert [roi.name for roi in rois] == ["03", "07", "12", "20", "21"]
    for roi in rois:
        rings = [ring[:, ::-1] for ring in roi.coordinates(multi=True)]
        mask = filled(rings, labels.shape)
        back[mask] = int(roi.name)
        ys, xs = np.nonzero(mask)
        box = roi.top, roi.left, roi.bottom, roi.right
        assert box == (ys.min(), xs.min(), ys.max() + 1, xs.max() + 1)
    assert (back == labels).all()
    again = write_rois(path, labels == 3, overwrite=True)
    assert len(roiread(again)) == 1


def test_geojson_filled_again_is_the_labels(tmp_path: Path) -> None:
    labels = nuclei()
    table = pd.DataFrame(
        {"certainty": [0.5, np.nan], "edited": [True, False], "status": ["ok", ""]},
        index=[3, 7],
    )
    path = write_geojson(tmp_path / "cells", labels, table)
    features = json.loads(path.read_text())["features"]
    back = np.zeros_like(labels)
    for feature in features:
        shape, places = feature["geometry"]["type"], feature["geometry"]["coordinates"]
        polygons = [places] if shape == "Polygon" else places
        assert all(ring[0] == ring[-1] for polygon in polygons for ring in polygon)
        rings = [np.array(r)[:, ::-1] for polygon in polygons for r in polygon]
        back[filled(rings, labels.shape)] = int(feature["properties"]["name"])
    assert (back == labels).all()
    measured = {f["properties"]["name"]: f["properties"] for f in features}
    assert measured["3"]["measurements"] == {"certainty": 0.5, "edited": 1}
    assert measured["7"]["measurements"] == {"edited": 0}
    assert measured["20"]["measurements"] == {}
    assert len({feature["id"] for feature in features}) == 5


@pytest.mark.parametrize(
    ("axes", "shape", "places"),
    [
        (("t", "y", "x"), (2,), [(0, {"t": 0}), (1, {"t": 1})]),
        (("t", "z", "y", "x"), (2, 2), [((0, 1), {"t": 0, "z": 1})]),
        ((), (3,), [(2, {"z": 2})]),
    ],
)
def test_nuclei_of_a_stack_have_their_plane(
    tmp_path: Path, axes, shape, places
) -> None:
    labels = np.zeros((*shape, *nuclei().shape), np.int32)
    for place, _ in places:
        labels[place] = nuclei()
    rois = roiread(write_rois(tmp_path / "a.zip", labels, axes=axes))
    names = [0, *np.unique(nuclei())[1:]]
    assert len(rois) == len(places) * (len(names) - 1)
    assert len({roi.name for roi in rois}) == len(rois)
    stacked = [(r.t_position - 1, r.z_position - 1, r.c_position) for r in rois]
    expected = [(at.get("t", 0), at.get("z", 0), 1) for _, at in places]
    assert stacked == [at for at in expected for _ in names[1:]]
    single = [roi.position for roi in rois]
    assert set(single) == ({0} if len(shape) > 1 else {p + 1 for p, _ in places})
    table = pd.DataFrame({"area": [9.0]}, index=[3])
    planes = [tuple(np.atleast_1d(place)) for place, _ in places]
    path = write_geojson(
        tmp_path / "a", labels, dict.fromkeys(planes[:1], table), axes=axes
    )
    features = json.loads(path.read_text())["features"]
    at = [f["geometry"]["plane"] for f in features]
    assert at == [{"c": -1, "z": z, "t": t} for t, z, _ in stacked]
    assert len({f["id"] for f in features}) == len(features)
    named = [f["properties"] for f in features if f["properties"]["name"] == "3"]
    assert [bool(p["measurements"]) for p in named] == [
        True,
        *(False,) * (len(named) - 1),
    ]


def test_labels_without_background(tmp_path: Path) -> None:
    labels = np.array([[4, 4], [9, 4]], np.uint16)
    assert [found.label for found in outlines(labels)] == [4, 9]
    assert len(roiread(write_rois(tmp_path / "a.zip", labels))) == 2


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no nucleus"):
        write_rois(tmp_path / "a.zip", np.zeros((4, 4), int))
    with pytest.raises(DataError, match="folder"):
        write_geojson(tmp_path / "b" / "a.geojson", nuclei())
    with pytest.raises(DataError, match="more than"):
        write_geojson(tmp_path / "a.geojson", np.ones((2, 1, 1, 1, 4, 4), int))
    wide = np.zeros((2, 40000), np.uint8)
    wide[0, 39999] = 1
    with pytest.raises(DataError, match="GeoJSON"):
        write_rois(tmp_path / "a.zip", wide)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [write_rois, write_geojson])
def test_labels_without_a_number_of_a_nucleus_are_refused(write, tmp_path) -> None:
    for labels, reason in ((-nuclei(), "is negative"), (nuclei() / 2, "float64")):
        with pytest.raises(DataError, match=reason):
            write(tmp_path / "out", labels)
    huge = nuclei().astype(np.int64) << 40
    assert write(tmp_path / "out", huge).exists()
