"""One table of the nuclei of all images, whatever runs and workers made it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from napari_pmrnet.batch import run_log
from napari_pmrnet.batch.objects import FIRST, OF_FILE, joined, measuring, pixel_size_in
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.space import Space
from napari_pmrnet.proofreading.measure import heads, measure
from napari_pmrnet.segmentation.predict import run_to_end
from napari_pmrnet.segmentation.stack import Stack

from .conftest import blobs

MICRONS = {"resolution": (2, 4), "metadata": {"unit": "um", "axes": "YX"}}


def table_of(report) -> pd.DataFrame:
    return pd.read_csv(report.objects, dtype={"well": str, "field": str})


def test_a_row_a_nucleus_of_all_images(run, folder, tmp_path):
    tifffile.imwrite(folder / "p_E03_s7.tif", blobs(2), imagej=True, **MICRONS)
    report, _ = run(folder)
    table = table_of(report)
    summary = pd.read_csv(report.summary)
    counts = table.groupby("file").size()
    assert counts.to_dict() == summary.set_index("file")["nuclei"].to_dict()
    assert list(table)[: len(OF_FILE) + 2] == [*OF_FILE, *FIRST]
    assert table["certainty"].between(0.9, 1).all()
    plain = table[table["file"] == "../images/d.png"]
    fresh = measure(
        read_image(tmp_path / "out" / "d_labels.tif")[0].data,
        {"channel 0": blobs(4)},
    )
    for name, head in {**{n: n for n in fresh}, **heads()}.items():
        assert plain[head].to_numpy() == pytest.approx(fresh[name].to_numpy()), name
    assert plain["label"].tolist() == [1, 2, 3, 4] and plain["well"].isna().all()
    micron = table[table["well"] == "E03"]
    assert micron["field"].tolist() == ["7", "7"]
    assert micron["area [um^2]"].tolist() == [90 / 8, 90 / 8]
    assert micron["area [pixel^2]"].isna().all() and plain["area [um^2]"].isna().all()


def test_planes_have_a_place_and_channels_their_names(run, tmp_path):
    data = np.zeros((2, 2, 40, 60), np.uint8)
    for t in range(2):
        data[t] = blobs(1 + t), blobs(3 - t) // 2
    about = {"axes": "TCYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(tmp_path / "t.ome.tif", data, metadata=about)
    table = table_of(run(tmp_path / "t.ome.tif")[0])
    assert table[["t", "label"]].to_numpy().tolist() == [[0, 1], [1, 2], [1, 3]]
    assert table["intensity DAPI"].tolist() == [250, 250, 249]
    assert table["intensity GFP"].tolist() == [125, 125, 124]


def test_planes_along_two_axes_without_names_have_a_place_each(run, tmp_path):
    data = np.stack([[blobs(1 + 3 * i + j) for j in range(2)] for i in range(2)])
    tifffile.imwrite(tmp_path / "s.tif", data, photometric="minisblack")
    report, _ = run(tmp_path / "s.tif")
    table, (row,) = table_of(report), report.rows
    assert (row.planes, row.nuclei, len(table)) == (4, 1 + 2 + 4 + 5, 12)
    counts = table.groupby(["q", "q2"]).size()
    assert counts.to_dict() == {(0, 0): 1, (0, 1): 2, (1, 0): 4, (1, 1): 5}
    assert table["label"].tolist() == list(range(1, 13))
    assert table["certainty"].notna().all()


def test_colours_are_channels(run, tmp_path):
    colour = np.stack([blobs(2), blobs(2) // 2, blobs(2) // 5], axis=-1)
    Image.fromarray(colour).save(tmp_path / "c.png")
    table = table_of(run(tmp_path / "c.png")[0])
    means = table[["intensity red", "intensity green", "intensity blue"]].iloc[0]
    assert means.tolist() == [250, 125, 50]


def test_a_run_that_is_taken_up_gives_the_same_table(run, folder, tmp_path):
    whole, _ = run(folder, output="whole")
    asked = iter(range(1000))
    stopped, _ = run(folder, stop=lambda: next(asked) >= 7)
    first = table_of(stopped)
    assert 0 < first["file"].nunique() < 4
    report, _ = run(folder)
    assert report.objects.read_bytes() == whole.objects.read_bytes()
    report, statuses = run(folder)
    assert set(statuses.values()) == {"unchanged"}
    assert report.objects.read_bytes() == whole.objects.read_bytes()
    assert not [path.name for path in report.output.glob("objects-*")]


def test_two_processes_give_the_same_table(run, folder):
    """Rows are in the order of the files, not in that in which they ended."""
    whole, _ = run(folder)
    again, _ = run(*(folder / f"{name}.png" for name in "dbca"), output="other")
    assert again.objects.read_bytes() == whole.objects.read_bytes()


def test_what_changed_or_failed_changes_its_rows_alone(run, folder, tmp_path):
    run(folder)
    Image.fromarray(blobs(5)).save(folder / "b.png")
    (folder / "c.png").write_bytes(b"junk")
    counts = table_of(run(folder)[0]).groupby("file").size()
    assert counts.to_dict() == {
        "../images/a.png": 1,
        "../images/b.png": 5,
        "../images/d.png": 4,
    }
    (tmp_path / "out" / "d_labels.tif").unlink()
    counts = table_of(run(folder / "a.png")[0]).groupby("file").size()
    assert counts.sum() == 6


def test_runs_of_before_are_measured_and_corrected_labels_kept(run, folder, tmp_path):
    whole, _ = run(folder)
    before = whole.objects.read_bytes()
    labels = (tmp_path / "out" / "a_labels.tif").read_bytes()
    shutil.rmtree(tmp_path / "out" / run_log.FOLDER / "nuclei")
    corrected = tmp_path / "out" / "b_labels.tif"
    tifffile.imwrite(corrected, np.ones((40, 60), np.uint8))
    mine = corrected.read_bytes()
    report, statuses = run(folder)
    assert statuses["b.png"] == "kept" and corrected.read_bytes() == mine
    assert statuses["a.png"] == "done"
    assert (tmp_path / "out" / "a_labels.tif").read_bytes() == labels
    table = table_of(report)
    assert "../images/b.png" not in set(table["file"])
    all_of_before = before.decode().splitlines()
    now = set(report.objects.read_text().splitlines())
    assert now == {line for line in all_of_before if "b.png" not in line}


def test_a_table_of_others_stays(run, folder, tmp_path):
    mine = tmp_path / "out" / "objects.csv"
    mine.parent.mkdir()
    mine.write_text("mine\n")
    report, _ = run(folder)
    assert mine.read_text() == "mine\n" and report.objects.name == "objects-2.csv"


def test_images_without_nuclei_leave_the_head(tmp_path):
    objects = pd.DataFrame({"label": [], "certainty": []})
    found = SimpleNamespace(labels=np.zeros((4, 5), int), objects=objects)
    stack = Stack(np.zeros((4, 5)), ("y", "x"))
    part = tmp_path / "a.csv"
    part.write_bytes(run_to_end(measuring(stack, found, Space(), "a")))
    assert part.read_text() == "label,certainty\n"
    whole = b"".join(joined([(Row("a.tif", "a"), part)]))
    assert whole == b"file,scene,plate,well,field,label,certainty\n"


def test_names_are_no_formulas_and_damaged_parts_no_end(tmp_path):
    part, damaged = tmp_path / "a.csv", tmp_path / "b.csv"
    part.write_text("z,label,certainty,area [um^2]\n2,1,0.5,9\n")
    damaged.write_bytes(b"label\n\xff\xfe\n")
    rows = [
        (Row("=1+1.tif", "a"), part),
        (Row("b.tif", "b"), damaged),
        (Row("c.tif", "c"), tmp_path / "gone.csv"),
    ]
    text = b"".join(joined(rows)).decode()
    assert text.splitlines() == [
        "file,scene,plate,well,field,z,label,certainty,area [um^2]",
        "./=1+1.tif,,,,,2,1,0.5,9",
    ]


@pytest.mark.parametrize(
    ("scale", "unit", "size", "found"),
    [
        ((0.5, 0.25), "um", (0.5, 0.25), "um"),
        ((500, 250), "nm", (0.5, 0.25), "um"),
        ((-0.5, 0.25), "um", (0.5, 0.25), "um"),
        ((2, 3), "pixel", (1, 1), "pixel"),
        ((0, 0.25), "um", (1, 1), "pixel"),
    ],
)
def test_lengths_are_in_micrometres_or_pixels(scale, unit, size, found) -> None:
    measured, its = pixel_size_in(Space.of_plane(scale, unit))
    assert measured == pytest.approx(size) and its == found


def test_labels_on_disk_have_what_was_found_on_the_way() -> None:
    objects = pd.DataFrame(
        {
            "label": [1, 2],
            "certainty": [0.9, 0.4],
            "area": [100, 50],
            "centroid_y": [10.0, 20.0],
            "centroid_x": [4.0, 8.0],
        }
    )
    found = SimpleNamespace(labels=object(), objects=objects)
    stack = Stack(np.zeros((30, 40)), ("y", "x"))
    space = Space.of_plane((0.5, 0.5), "um")
    text = run_to_end(measuring(stack, found, space, "a")).decode()
    assert text.splitlines() == [
        "label,certainty,area [um^2],diameter [um],centroid_y [um],centroid_x [um]",
        "1,0.9,25,5.641895835,5,2",
        "2,0.4,12.5,3.989422804,10,4",
    ]


def test_classes_are_named_and_counted_without_segmenting_again(
    run, core, folder, tmp_path
):
    for field in (1, 2):
        name = folder / f"p_E03_s{field}.tif"
        tifffile.imwrite(name, blobs(1 + field), imagej=True, **MICRONS)
    report, _ = run(folder)
    counts = pd.read_csv(report.counts)
    assert counts["nuclei"].tolist() == [1, 2, 3, 4, 2, 3, 5]
    assert counts.iloc[-1][["of", "well", "images"]].tolist() == ["well", "E03", 2]
    seen = len(core.names)
    text = "bright/dim:intensity channel 0>=249.5"
    report, statuses = run(folder, classes=(text,))
    assert set(statuses.values()) == {"unchanged"} and len(core.names) == seen
    table, counts = table_of(report), pd.read_csv(report.counts)
    head = "(intensity channel 0 >= 249.5)"
    means = table["intensity channel 0"]
    expected = np.where(means >= 249.5, "bright", "dim")
    assert list(table)[-1] == f"class {head}"
    assert table[f"class {head}"].tolist() == expected.tolist()
    by_file = table.groupby("file")[f"class {head}"].value_counts().unstack()
    images = counts[counts["of"] == "image"].set_index("file")
    assert images[f"bright {head}"].tolist() == by_file["bright"].tolist()
    assert images[f"dim {head}"].sum() == (expected == "dim").sum()
    assert report.notes == []
    report, _ = run(folder, classes=("a:intensity GFP>=1",))
    assert "no image has the column 'intensity GFP'" in report.notes[0]


def test_tables_say_where_they_are(run, folder, tmp_path):
    report, _ = run(folder)
    assert report.objects == Path(tmp_path / "out" / "objects.csv")
    assert report.counts == Path(tmp_path / "out" / "counts.csv")
