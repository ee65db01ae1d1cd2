"""Labels of other programs, as label images, outlines and Cellpose's own file."""

from __future__ import annotations

import json
import os
import zipfile

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from roifile import ROI_TYPE, ImagejRoi

from napari_pmrnet.errors import DataError
from napari_pmrnet.io import foreign_labels
from napari_pmrnet.io.foreign_labels import read_foreign_labels
from napari_pmrnet.io.labels import write_labels
from napari_pmrnet.io.rois import write_geojson, write_rois

SHAPE = (40, 50)
MASKS = arrays(
    np.int32,
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    elements=st.integers(0, 5),
)
POINT = json.dumps({"features": [{"geometry": {"type": "Point"}}]})
LABELS = np.zeros(SHAPE, np.int32)
LABELS[3:12, 3:12], LABELS[20:30, 20:30], LABELS[20:25, 31:40] = 1, 2, 300
SMALL = LABELS.astype(np.uint16)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        (
            "stardist.tif",
            lambda p: tifffile.imwrite(p, LABELS.astype("u2"), imagej=True),
        ),
        ("fiji.tif", lambda p: tifffile.imwrite(p, LABELS.astype("f4"), imagej=True)),
        (
            "qupath.tif",
            lambda p: tifffile.imwrite(p, LABELS.astype("u2"), tile=(16, 16)),
        ),
        ("a_cp_masks.png", lambda p: Image.fromarray(LABELS.astype("u2")).save(p)),
        (
            "a_Object Identities.tiff",
            lambda p: tifffile.imwrite(
                p,
                LABELS.astype("u4")[None, None, ..., None],
                metadata={"axes": "TZYXC"},
            ),
        ),
        ("ours.tif", lambda p: write_labels(p, LABELS)),
        (
            "a_seg.npy",
            lambda p: np.save(p, {"masks": SMALL, "flows": []}),
        ),
        ("b_seg.npy", lambda p: np.save(p, {"masks": LABELS[None].astype("i4")})),
        ("plain.npy", lambda p: np.save(p, LABELS)),
        ("rois.zip", lambda p: write_rois(p, LABELS)),
        ("a.geojson", lambda p: write_geojson(p, LABELS)),
    ],
)
def test_labels_of_other_programs_are_read(tmp_path, name, write) -> None:
    write(tmp_path / name)
    found = read_foreign_labels(tmp_path / name, SHAPE)
    assert found.dtype == np.int32 and np.array_equal(found, LABELS)
    with pytest.raises(DataError, match=name.split(".")[0]):
        read_foreign_labels(tmp_path / name, (24, 50))


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    arrays(
        np.int32,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.integers(0, 5),
    )
)
def test_outlines_are_filled_back_to_the_labels_they_came_from(
    tmp_path, labels
) -> None:
    if not labels.any():
        return
    for name, write in (("a.zip", write_rois), ("a.geojson", write_geojson)):
        write(tmp_path / name, labels, overwrite=True)
        found = read_foreign_labels(tmp_path / name, labels.shape)
        assert np.array_equal(found, labels)


def test_areas_of_imagej_are_filled_and_lines_passed_over(tmp_path) -> None:
    oval = ImagejRoi()
    oval.roitype, oval.name = ROI_TYPE.OVAL, "cell"
    oval.top, oval.left, oval.bottom, oval.right = 5, 10, 15, 30
    box = ImagejRoi()
    box.roitype, box.name = ROI_TYPE.RECT, "box"
    box.top, box.left, box.bottom, box.right = 12, 8, 20, 20
    free = ImagejRoi.frompoints(np.array([[30.2, 30.2], [38.7, 30.2], [34, 38.1]]))
    line = ImagejRoi()
    line.roitype = ROI_TYPE.LINE
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number, roi in enumerate((oval, line, box, free)):
            archive.writestr(f"{number}.roi", roi.tobytes())
        archive.writestr("notes.txt", b"other")
    found = read_foreign_labels(tmp_path / "a.zip", SHAPE)
    y, x = np.mgrid[:40, :50] + 0.5
    ellipse = ((y - 10) / 5) ** 2 + ((x - 20) / 10) ** 2 < 1
    assert np.array_equal(found == 1, ellipse), "the first where two overlap"
    assert np.array_equal(
        found == 2, (y > 12) & (y < 20) & (x > 8) & (x < 20) & ~ellipse
    )
    assert 20 < (found == 3).sum() < 50
    (tmp_path / "a.roi").write_bytes(oval.tobytes())
    assert np.array_equal(read_foreign_labels(tmp_path / "a.roi", SHAPE), ellipse)


def test_a_malicious_file_of_cellpose_is_refused(tmp_path) -> None:
    class Bad:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'mark'}",)

    np.save(tmp_path / "a_seg.npy", {"masks": LABELS, "flows": [Bad()]})
    with pytest.raises(DataError, match="would run code"):
        read_foreign_labels(tmp_path / "a_seg.npy", SHAPE)
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.zip", b"junk", "damaged"),
        ("a.roi", b"junk", "damaged"),
        ("a.geojson", b"{", "damaged"),
        ("a.geojson", b"[1]", "damaged"),
        ("a.geojson", b'{"features": []}', "no outlines"),
        (
            "a.geojson",
            json.dumps({"features": [{"geometry": {"type": "Point"}}]}),
            "no out",
        ),
        ("a_seg.npy", b"junk", "NPY"),
        ("a.txt", b"1", "is none of"),
        ("none.tif", None, "none.tif"),
        ("none.zip", None, "none.zip"),
    ],
)
def test_files_that_hold_no_labels_are_named(tmp_path, name, content, said) -> None:
    if content is not None:
        text = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(text)
    with pytest.raises(DataError, match=said) as error:
        read_foreign_labels(tmp_path / name, SHAPE)
    assert name in str(error.value)


def test_pictures_colours_and_odd_numbers_are_no_labels(tmp_path) -> None:
    rng = np.random.default_rng(0)
    for name, pixels, said in (
        ("grey.tif", rng.integers(1, 255, SHAPE).astype("u1"), "picture"),
        ("colour.png", rng.integers(0, 255, (*SHAPE, 3)).astype("u1"), "colours"),
        ("minus.tif", np.where(LABELS == 1, -1, 0).astype("i4"), "negative"),
        ("half.tif", np.where(LABELS == 1, 0.5, 0).astype("f4"), "whole numbers"),
    ):
        write = Image.fromarray(pixels).save if name[-3:] == "png" else None
        write(tmp_path / name) if write else tifffile.imwrite(tmp_path / name, pixels)
        with pytest.raises(DataError, match=said):
            read_foreign_labels(tmp_path / name, SHAPE)
    np.save(tmp_path / "no_seg.npy", {"outlines": LABELS})
    with pytest.raises(DataError, match="no masks"):
        read_foreign_labels(tmp_path / "no_seg.npy", SHAPE)


def test_outlines_beside_the_image_and_bombs_are_refused(tmp_path, monkeypatch) -> None:
    write_geojson(tmp_path / "a.geojson", np.pad(LABELS, ((60, 0), (0, 0))))
    with pytest.raises(DataError, match="beyond the image"):
        read_foreign_labels(tmp_path / "a.geojson", SHAPE)
    write_rois(tmp_path / "a.zip", LABELS)
    monkeypatch.setattr(foreign_labels, "LARGEST", 10)
    for name in ("a.zip", "a.geojson"):
        with pytest.raises(DataError, match="10 bytes"):
            read_foreign_labels(tmp_path / name, SHAPE)
