"""Counts of images and wells against pandas' own."""

import io

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.batch.counts import Counts, counts_csv
from napari_pmrnet.batch.summary import Row
from napari_pmrnet.proofreading.classes import Classes

GFP = Classes("intensity GFP", 100.0, "GFP+", "GFP-")
NAMES = ["GFP+ (intensity GFP >= 100)", "GFP- (intensity GFP >= 100)"]
UNKNOWN = "unknown (intensity GFP >= 100)"
IMAGES = st.lists(
    st.tuples(
        st.sampled_from(["p_A01_s{}.tif", "p_B12_s{}.tif", "plain{}.tif"]),
        st.lists(st.tuples(st.floats(0, 1), st.floats(0, 200) | st.just(np.nan))),
    ),
    min_size=1,
    max_size=6,
)


def read(counts: Counts) -> pd.DataFrame:
    text = counts_csv(counts.table()).decode()
    return pd.read_csv(io.StringIO(text), dtype={"field": str})


@given(IMAGES)
def test_every_image_and_every_well(images) -> None:
    counts, frames = Counts([GFP]), []
    for number, (name, nuclei) in enumerate(images):
        file = name.format(number)
        table = pd.DataFrame(nuclei, columns=["certainty", "intensity GFP"])
        counts.add(Row(file), table.astype(float))
        frames.append(table)
    table = read(counts)
    rows = table[table["of"] == "image"]
    assert rows["file"].tolist() == [n.format(i) for i, (n, _) in enumerate(images)]
    for row, frame in zip(rows.to_dict("records"), frames, strict=True):
        check(row, frame)
    wells = table[table["of"] == "well"].set_index("well")
    for well, row in wells.iterrows():
        own = [f for (n, _), f in zip(images, frames, strict=True) if str(well) in n]
        assert row["images"] == len(own)
        check(row, pd.concat(own))
    assert set(wells.index) == {n[2:5] for n, _ in images if n.startswith("p_")}


def check(row, frame: pd.DataFrame) -> None:
    above = int((frame["intensity GFP"].astype(float) >= 100).sum())
    known = int(frame["intensity GFP"].notna().sum())
    assert row["nuclei"] == len(frame)
    assert (row[NAMES[0]], row[NAMES[1]]) == (above, known - above)
    assert row[UNKNOWN] == len(frame) - known
    share = row[f"share of {NAMES[0]}"]
    assert np.isclose(share, above / known) if known else np.isnan(share)
    sure = frame["certainty"].astype(float)
    assert row["doubtful"] == int((sure < 0.5).sum())
    mean = row["certainty"]
    assert np.isclose(mean, sure.mean(), rtol=1e-6) if len(sure) else np.isnan(mean)


def test_an_image_whose_nuclei_are_not_known_is_named_and_counts_nowhere() -> None:
    counts = Counts()
    counts.add(Row("p_A01_s1.tif"), pd.DataFrame({"certainty": [0.9]}))
    counts.add(Row("p_A01_s2.tif"), None)
    table = read(counts)
    assert table["nuclei"].fillna(-1).tolist() == [1, -1, 1]
    assert table["images"].tolist() == [1, 0, 1]
    assert table["file"].fillna("").tolist() == ["p_A01_s1.tif", "p_A01_s2.tif", ""]


def test_a_column_that_no_image_has_is_told_with_those_there_are() -> None:
    counts = Counts([GFP, Classes("area [um^2]", 5.0)])
    table = pd.DataFrame({"intensity DAPI": [1.0], "area [um^2]": [9.0]})
    counts.add(Row("a.tif"), table)
    (note,) = counts.notes()
    assert "no image has the column 'intensity GFP'" in note
    assert "'intensity DAPI', 'area [um^2]'" in note
    assert read(counts)[UNKNOWN].tolist() == [1]
    assert Counts([GFP]).notes() == []


def test_names_are_no_formulas() -> None:
    counts = Counts([Classes("area", 5.0, "+a", "=b")])
    counts.add(Row("=1+1.tif"), pd.DataFrame({"area": [9.0]}))
    table = read(counts)
    assert table["file"].tolist() == ["./=1+1.tif"]
    assert not [head for head in table if head.startswith(("+", "="))]


def test_a_folder_without_images_has_a_head() -> None:
    head = b"of,file,scene,plate,well,field,images,"
    assert counts_csv(Counts([GFP]).table()).startswith(head)


def test_wells_of_one_name_in_two_plates_are_two_wells() -> None:
    counts = Counts()
    for plate, nuclei in (("one", 2), ("two", 3)):
        for field in (1, 2):
            table = pd.DataFrame({"certainty": [0.9] * nuclei})
            counts.add(Row(f"../{plate}/p_A01_s{field}.tif"), table)
    table = read(counts)
    wells = table[table["of"] == "well"]
    assert wells["plate"].tolist() == ["one", "two"] and wells["file"].isna().all()
    assert wells["well"].tolist() == ["A01", "A01"]
    assert wells["nuclei"].tolist() == [4, 6]
