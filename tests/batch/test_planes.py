"""Stacks and series: every plane, the axes kept."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from ome_sets import channels, positions, write_set

from napari_pmrnet.io.images import read_image
from napari_pmrnet.segmentation import Settings

from .conftest import blobs


def labels_of(report):
    (image,) = read_image(report.output / report.rows[0].labels)
    return image


def test_a_series_of_stacks_keeps_axes_channels_and_steps(run, core, tmp_path):
    data = np.zeros((2, 3, 2, 40, 60), np.uint8)
    for t in range(2):
        for z in range(3):
            data[t, z, 1] = blobs(1 + t + z)
    tifffile.imwrite(
        tmp_path / "stack.tif",
        data,
        imagej=True,
        resolution=(4, 2),
        metadata={"axes": "TZCYX", "unit": "um", "spacing": 1.5, "finterval": 30},
    )
    report, _ = run(tmp_path / "stack.tif", settings=Settings(channel=1))
    row, labels = report.rows[0], labels_of(report)
    assert (row.nuclei, row.planes) == (1 + 2 + 3 + 2 + 3 + 4, 6)
    assert labels.space.axes == ("t", "z", "y", "x")
    assert labels.space.scale == (30, 1.5, 0.5, 0.25)
    assert labels.data.max(axis=(2, 3)).tolist() == [[1, 3, 6], [8, 11, 15]]
    assert core.names[4] == "stack.tif t=1 z=1"


def test_linked_nuclei_keep_their_number_and_other_labels_are_made_anew(run, tmp_path):
    series = np.stack([blobs(1), blobs(3), blobs(2)])
    tifffile.imwrite(tmp_path / "t.tif", series, imagej=True, metadata={"axes": "TYX"})
    run(tmp_path / "t.tif")
    linked, statuses = run(tmp_path / "t.tif", link="t")
    assert statuses == {"t.tif": "done"}
    assert labels_of(linked).data.max(axis=(1, 2)).tolist() == [1, 3, 2]
    assert run(tmp_path / "t.tif", link="t")[1] == {"t.tif": "unchanged"}
    other, _ = run(tmp_path / "t.tif", link="z")
    assert other.rows[0].note == "no axis z, so nuclei were not linked"
    assert labels_of(other).data.max(axis=(1, 2)).tolist() == [1, 4, 6]


def test_colours_and_blank_planes(run, tmp_path):
    stack = np.stack([np.zeros((40, 60), np.uint8), blobs(2), blobs(0)])
    tifffile.imwrite(tmp_path / "z.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    report, _ = run(tmp_path / "z.tif")
    assert report.rows[0].note == "2 of 3 planes are blank"
    assert labels_of(report).data.max(axis=(1, 2)).tolist() == [0, 2, 0]
    tifffile.imwrite(
        tmp_path / "blank.tif", stack[::2], imagej=True, metadata={"axes": "ZYX"}
    )
    assert "same value" in run(tmp_path / "blank.tif")[0].rows[0].error


def test_more_axes_than_two_are_refused(run, tmp_path):
    data = np.zeros((2, 2, 2, 9, 9), np.uint8)
    tifffile.imwrite(tmp_path / "odd.tif", data, metadata={"axes": "RTZYX"})
    report, _ = run(tmp_path / "odd.tif")
    assert "(" not in report.rows[0].error and "at most 2" in report.rows[0].error


def test_the_channel_named_after_nuclei_is_taken(run, core, tmp_path):
    data = np.stack([blobs(1), blobs(3), blobs(2)])
    about = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI", "RFP"]}}
    tifffile.imwrite(tmp_path / "named.ome.tif", data, metadata=about)
    assert run(tmp_path / "named.ome.tif")[0].rows[0].nuclei == 3
    chosen = run(tmp_path / "named.ome.tif", settings=Settings(channel=0))
    assert chosen[0].rows[0].nuclei == 1


def test_a_channel_that_is_not_there_is_said(run, tmp_path):
    data = np.stack([blobs(1), blobs(2)])
    tifffile.imwrite(tmp_path / "c.ome.tif", data, metadata={"axes": "CYX"})
    report, _ = run(tmp_path / "c.ome.tif", settings=Settings(channel=5))
    assert "no channel 5" in report.rows[0].error


def test_of_several_images_each_is_segmented(run, tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.ome.tif") as tiff:
        tiff.write(blobs(2), metadata={"axes": "YX"})
        tiff.write(blobs(3), metadata={"axes": "YX"})
    report, _ = run(tmp_path / "two.ome.tif")
    assert [row.nuclei for row in report.rows] == [2, 3]
    assert not any(row.note for row in report.rows)


def test_axes_of_length_one_are_dropped(run, tmp_path):
    data = blobs(2)[None, None, None, None, None]
    tifffile.imwrite(tmp_path / "a.tif", data, metadata={"axes": "RTZCYX"})
    report, _ = run(tmp_path / "a.tif")
    assert (report.rows[0].nuclei, report.rows[0].planes) == (2, 1)
    assert labels_of(report).data.shape == blobs(2).shape


def test_two_channels_behind_y_and_x_are_one_plane(run, tmp_path):
    data = np.stack([blobs(1), blobs(3)], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
    report, _ = run(tmp_path / "a.tif", settings=Settings(channel=1))
    assert (report.rows[0].nuclei, report.rows[0].planes) == (3, 1)


def test_what_is_no_number_is_noted(run, tmp_path):
    data = blobs(2).astype(np.float32)
    data[0] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", data)
    report, _ = run(tmp_path / "a.tif")
    assert report.rows[0].nuclei == 2
    assert not np.isnan(data[1:]).any()


def test_every_position_of_a_set_has_its_own_labels(run, tmp_path):
    pages = {f"s_Pos{i}.ome.tif": blobs(i + 1)[None].astype("u2") for i in range(3)}
    (tmp_path / "in").mkdir()
    write_set(tmp_path / "in", positions(3), pages=pages)
    report, _ = run(tmp_path / "in")
    assert [row.nuclei for row in report.rows] == [1, 2, 3]
    assert all("set of 3 files" in row.note for row in report.rows)
    assert [row.pixel_width for row in report.rows] == pytest.approx([0.1, 0.2, 0.3])


def test_of_a_set_with_a_file_a_channel_the_one_asked_for_counts(run, tmp_path):
    pages = {f"c{i}.ome.tif": blobs(i + 1)[None].astype("u2") for i in range(2)}
    (tmp_path / "in").mkdir()
    write_set(tmp_path / "in", channels(2), pages=pages)
    report, _ = run(tmp_path / "in", settings=Settings(channel=1))
    (row,) = report.rows
    assert row.file.endswith("c1.ome.tif") and row.nuclei == 2
