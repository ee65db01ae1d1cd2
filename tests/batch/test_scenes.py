"""Files that hold several images: each is an image of the run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_pmrnet.batch import run_log
from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.batch.job import BatchJob
from napari_pmrnet.batch.worklist import Worklist, maps_of
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.formats import safe_name
from napari_pmrnet.io.images import read_image
from napari_pmrnet.io.permit import Permit, hash_of

from .conftest import blobs

NAMES = ["Position 1", "Position/2", "position 1"]


def write_scenes(path: Path, names: list[str] = NAMES) -> Path:
    """An OME-TIFF with 1, 2, 3... nuclei in an image for each name."""
    with tifffile.TiffWriter(path, ome=True) as tiff:
        for number, name in enumerate(names, start=1):
            tiff.write(
                blobs(1 + (number - 1) % 4), metadata={"axes": "YX", "Name": name}
            )
    return path


@pytest.fixture
def scenes(tmp_path) -> Path:
    return write_scenes(tmp_path / "a.ome.tif")


def test_every_scene_has_labels_and_rows(run, scenes, tmp_path) -> None:
    report, _ = run(scenes, keep_maps=False)
    out = tmp_path / "out"
    assert sorted(path.name for path in out.glob("*.tif")) == [
        "a_Position 1_labels.tif",
        "a_Position_2_labels.tif",
        "a_position 1 (2)_labels.tif",
    ]
    assert [row.nuclei for row in report.rows] == [1, 2, 3]
    summary = pd.read_csv(report.summary)
    scene = ["Position 1", "Position/2", "position 1 (2)"]
    assert summary["scene"].tolist() == scene
    assert summary["scene_number"].tolist() == [0, 1, 2]
    assert summary["file"].tolist() == ["../a.ome.tif"] * 3
    objects = pd.read_csv(report.objects)
    assert objects["scene"].tolist() == np.repeat(scene, [1, 2, 3]).tolist()
    counts = pd.read_csv(report.counts)
    assert counts["scene"].tolist() == scene
    sheet = report.sheet.read_text("utf-8")
    assert all(f"a.ome.tif [{name}]" in sheet for name in scene)
    assert not any("only the first" in row.note for row in report.rows)


def test_scenes_are_finished_one_by_one(run, scenes, core) -> None:
    asked = iter(range(1000))
    run(scenes, stop=lambda: next(asked) >= 6)
    done = len(core.names)
    report, _ = run(scenes)
    assert done < 3 and report.ended["done"] + report.ended["unchanged"] == 3
    report, _ = run(scenes)
    assert report.ended["unchanged"] == 3


@pytest.mark.parametrize("asked", ["Position/2", "1"])
def test_one_scene_can_be_chosen(run, scenes, folder, asked) -> None:
    """Files with a single image that has no name are taken as they are."""
    report, _ = run(scenes, folder / "c.png", scene=asked)
    assert [(row.scene, row.nuclei) for row in report.rows] == [
        ("Position/2", 2),
        ("", 3),
    ]
    again, _ = run(scenes)
    assert again.ended["unchanged"] == 1 and again.ended["done"] == 2


def test_a_scene_that_is_not_there_is_said_and_spoils_nothing(run, scenes) -> None:
    run(scenes)
    report, _ = run(scenes, scene="Overview")
    (row,) = report.rows
    assert "has no scene 'Overview'. It holds Position 1, Position/2" in row.error
    again, _ = run(scenes)
    assert again.ended["unchanged"] == 3


def test_other_scenes_are_other_images(run, scenes, tmp_path) -> None:
    """Without a record, too, labels of one scene never give way to another's."""
    run(scenes)
    labels = tmp_path / "out" / "a_Position_2_labels.tif"
    first, second, _ = find_sources([scenes], tmp_path)
    assert not Permit(image=first.place.absolute()).allows(labels)
    assert Permit(image=second.place.absolute()).allows(labels)


def test_what_was_segmented_of_a_file_before_stays_its_first_scene(
    run, scenes, tmp_path
) -> None:
    """Earlier versions segmented the first image only, under the name of the file."""
    run(scenes, scene="0")
    out, record = tmp_path / "out", tmp_path / "out" / run_log.FOLDER / run_log.LOG
    (out / "a_Position 1_labels.tif").rename(out / "a_labels.tif")
    lines = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    for line in lines:
        for name in ("scene", "scene_number"):
            line.pop(name, None)
        if "labels" in line:
            line["labels"] = "a_labels.tif"
    record.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    before = hash_of(out / "a_labels.tif")
    report, _ = run(scenes)
    assert report.ended["unchanged"] == 1 and report.ended["done"] == 2
    assert hash_of(out / "a_labels.tif") == before
    summary = pd.read_csv(report.summary)
    assert summary["labels"].tolist()[0] == "a_labels.tif" and len(summary) == 3
    assert summary["scene"].tolist()[0] == "Position 1"


def test_shards_share_scenes_and_agree_on_names(run, scenes, tmp_path) -> None:
    from napari_pmrnet.batch.shard import Shard

    for number in (2, 1):
        run(scenes, shard=Shard(number, 2))
    report, _ = run(scenes)
    assert report.ended["unchanged"] == 3
    assert len(list((tmp_path / "out").glob("*_labels.tif"))) == 3


def test_the_worklist_opens_each_scene(run, scenes, tmp_path, monkeypatch) -> None:
    run(scenes)
    listed = Worklist(tmp_path / "out")
    rows = listed.rows()
    assert [row.name for row in rows] == [
        "a.ome.tif [Position 1]",
        "a.ome.tif [Position/2]",
        "a.ome.tif [position 1 (2)]",
    ]
    for number, row in enumerate(rows):
        opened = listed.open(row)
        assert opened.labels.max() == number + 1
        listed.save(opened, np.zeros_like(opened.labels), {}, done=True)
    fresh = Worklist(tmp_path / "out")
    assert all(fresh.state(row).done for row in rows)
    assert fresh.key_named("a.ome.tif [Position/2]") == rows[1].key
    assert fresh.key_named(rows[2].key) == rows[2].key
    with pytest.raises(DataError, match="3 images have this name"):
        fresh.key_named("a.ome.tif")


def test_maps_are_made_of_the_scene_alone(run, scenes, tmp_path, monkeypatch) -> None:
    run(scenes)
    listed = Worklist(tmp_path / "out")
    opened = listed.open(listed.rows()[1])
    asked = []

    def read(path, **options):
        asked.append(options)
        raise DataError("enough")

    monkeypatch.setattr("napari_pmrnet.batch.worklist.read_image", read)
    monkeypatch.setattr("napari_pmrnet.batch.worklist.model_with", lambda _: "nuclei")
    steps = maps_of(opened, {})
    next(steps)
    with pytest.raises(DataError, match="enough"):
        next(steps)
    assert asked == [{"scene": 1}]


@given(st.text(min_size=1, max_size=300))
def test_a_scene_is_part_of_a_name_on_any_system(name: str) -> None:
    safe = safe_name(name)
    assert safe and not set(safe) & set('<>:"/\\|?*') and safe.isprintable()
    assert safe == safe.strip(" .")


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(
        st.text(
            st.characters(
                codec="utf-8",
                exclude_categories=["Cc", "Cs"],
                exclude_characters="\ufffe\uffff",
            ),
            max_size=90,
        ),
        min_size=2,
        max_size=5,
    )
)
def test_labels_of_any_scenes_stay_apart(tmp_path, names) -> None:
    path = write_scenes(tmp_path / "a.ome.tif", names)
    sources = find_sources([path], tmp_path / "out")
    assert len(sources) == len(names)
    record = run_log.Record(tmp_path / "out")
    rows = [record.claim(source, Permit()).row for source in sources]
    assert len({row.key for row in rows}) == len(names)
    assert len({row.labels.casefold() for row in rows}) == len(names)
    for row in rows:
        (tmp_path / "out" / row.labels).write_bytes(b"")
        (tmp_path / "out" / row.labels).unlink()
    record._log.path.unlink()


def test_the_command_names_the_scene(tmp_path) -> None:
    job = BatchJob(("a.czi",), tmp_path, scene="-a b", plate_labels=True)
    assert {"--scene=-a b", "--plate-labels"} <= set(job.as_arguments())
    assert "scene='-a b'," in job.as_python()
    assert "plate_labels=True," in job.as_python()


def test_other_files_are_named_as_ever(run, folder, tmp_path) -> None:
    Image.fromarray(blobs(2)).save(tmp_path / "z.jpg")
    tifffile.imwrite(tmp_path / "t.tif", np.stack([blobs(1), blobs(2)]))
    run(folder, tmp_path / "z.jpg", tmp_path / "t.tif")
    labels = {path.name for path in (tmp_path / "out").glob("*.tif")}
    assert labels == {f"{name}_labels.tif" for name in "abcdzt"}
    assert read_image(tmp_path / "out" / "t_labels.tif")[0].data.shape[0] == 2
