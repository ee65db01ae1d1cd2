"""OME-Zarr plates through a run: read by their metadata, and labels as a plate."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plates import STEP, change, write_named_plate, write_plate

from napari_pmrnet.batch.heat_map import heat_maps, plates_of
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.io.labels import read_label_file
from napari_pmrnet.io.permit import hash_of

from .conftest import blobs

pytest.importorskip("yaozarrs")
pytest.importorskip("zarr")

LABELS = [f"p_{name}_labels.tif" for name in ("A01_0", "A01_1", "B12_0")]


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"well": str, "field": str})


@pytest.mark.parametrize("way", ["folder", "plate", "pattern", "rows"])
def test_each_field_is_an_image_in_its_well(run, plate, tmp_path, way) -> None:
    named = {
        "folder": plate.parent,
        "plate": plate,
        "pattern": f"{plate}/*/*/*",
        "rows": f"{plate}/*",
    }[way]
    before = hash_of(plate)
    report, _ = run(named)
    out = tmp_path / "out"
    found = {path.name for path in out.rglob("*_labels.tif")}
    assert found == set(LABELS)
    for name in (report.summary, report.counts):
        told = table(name).iloc[:3]
        assert told["well"].tolist() == ["A01", "A01", "B12"], name
        assert told["field"].tolist() == ["0", "1", "0"]
        assert told["plate"].tolist() == ["in/p.ome.zarr"] * 3
        assert told["nuclei"].tolist() == [1, 2, 3]
    summary = table(report.summary)
    assert summary["pixel_width"].tolist() == [STEP] * 3
    objects = table(report.objects)
    assert objects["well"].tolist() == ["A01"] * 3 + ["B12"] * 3
    assert "area [um^2]" in objects
    wells = table(report.counts).iloc[3:]
    assert wells["well"].tolist() == ["A01", "B12"]
    assert wells["nuclei"].tolist() == [3, 3] and wells["images"].tolist() == [2, 1]
    sheet = report.sheet.read_text("utf-8")
    assert "A01: 3 nuclei" in sheet and "B12: 3 nuclei" in sheet
    assert hash_of(plate) == before
    made = {read_label_file(path)[2].image for path in out.rglob("*_labels.tif")}
    assert made == {"p_A01_0", "p_A01_1", "p_B12_0"}
    again, _ = run(named)
    assert again.ended["unchanged"] == 3


def test_metadata_goes_before_names(run, tmp_path) -> None:
    """Rows and columns may have names that no plate of a shop has."""
    named = ["x1/left", "x1/right", "A/01", "A/1"]
    write_named_plate(tmp_path / "q.zarr", named, lambda number: blobs(1 + number))
    report, _ = run(tmp_path / "q.zarr")
    wells = [row.well for row in report.rows]
    assert wells == named
    ((_, drawn),) = plates_of(report.rows).items()
    assert set(drawn) == set(wells)
    text = "".join(heat_maps(report.rows, ("nucleus", "nuclei")))
    assert all(f"{well}: " in text for well in wells)
    assert len(list((tmp_path / "out").glob("*_labels.tif"))) == 4


@given(
    st.lists(
        st.tuples(
            st.text("ABab1", min_size=1, max_size=3),
            st.text("0123x", min_size=1, max_size=3),
        ),
        min_size=2,
        max_size=12,
        unique=True,
    )
)
def test_a_map_of_any_wells_shows_each_once(places) -> None:
    wells = [f"{row}/{column}" for row, column in places]
    rows = [
        Row("p.zarr/a", "l", 7, 0.5, plate="p.zarr", well=well, field="0")
        for well in wells
    ]
    text = "".join(heat_maps(rows, ("nucleus", "nuclei")))
    assert all(text.count(f"<title>{well}: ") == 2 for well in wells)


def test_what_is_damaged_is_named_and_the_rest_goes_on(run, plate, tmp_path) -> None:
    shutil.rmtree(plate / "A" / "1" / "1")
    level = plate / "B" / "12" / "0" / "zarr.json"
    level.write_text("{")
    other = write_plate(tmp_path / "in" / "z.zarr", [("C", "3", "0"), ("C", "4", "0")])

    def version(about: dict) -> None:
        about["version"] = "7"

    def dimension(about: dict) -> None:
        about["multiscales"][0]["axes"].append({"name": "w", "type": "space"})

    change(other / "C" / "3", version)
    change(other / "C" / "4" / "0", dimension)
    spoilt = write_plate(tmp_path / "in" / "y.zarr", [("D", "1", "0")])
    change(spoilt, version)
    report, _ = run(plate.parent)
    errors = {row.name: row.error for row in report.rows if row.error}
    assert errors.keys() == {
        "p.ome.zarr A01 1",
        "p.ome.zarr B12 0",
        "z.zarr C03",
        "z.zarr C04 0",
        "y.zarr",
    }
    assert "there is no such file or folder" in errors["p.ome.zarr A01 1"]
    assert "cannot be read as OME-Zarr" in errors["p.ome.zarr B12 0"]
    assert "OME-Zarr 7 is not known" in errors["z.zarr C03"]
    assert "does not fit its axes" in errors["z.zarr C04 0"]
    assert "OME-Zarr 7 is not known" in errors["y.zarr"]
    assert not any("\n" in error for error in errors.values())
    assert report.ended["done"] == 1
    wells = table(report.summary).set_index("labels", drop=False)
    assert "A01" in wells["well"].tolist()


def test_fields_of_two_plates_of_one_name_stay_apart(run, plate, tmp_path) -> None:
    other = tmp_path / "more" / "p.ome.zarr"
    shutil.copytree(plate, other)
    report, _ = run(plate, other, plate_labels=True)
    assert len({row.labels for row in report.rows}) == 6
    assert {row.plate for row in report.rows} == {"in/p.ome.zarr", "more/p.ome.zarr"}
    assert {path.name for path in report.plates} == {
        "p_labels.zarr",
        "p (1)_labels.zarr",
    }
    assert len(table(report.counts).query("of == 'well'")) == 4
