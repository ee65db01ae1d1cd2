"""Sets of OME-TIFF files, each of which names all files: each is read by itself."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
import tifffile
from ome_sets import SIZE, channels, ome_xml, pixels, positions, write_set

from napari_pmrnet.batch.inputs import find_sources
from napari_pmrnet.errors import DataError
from napari_pmrnet.io.images import open_image, read_image


@pytest.mark.parametrize("roots", ["own", "none", "first", "same"])
@pytest.mark.parametrize("read", [read_image, open_image])
def test_every_position_is_read_from_its_own_file(tmp_path, roots, read) -> None:
    held = write_set(tmp_path, positions(3), roots)
    for i, (file, expected) in enumerate(held.items()):
        (image,) = read(tmp_path / file)
        np.testing.assert_array_equal(np.asarray(image.data), expected[0])
        assert image.space.scale == pytest.approx(((i + 1) / 10,) * 2)
        assert image.space.units == ("um", "um")
        assert image.name == f"s_Pos{i}"
        assert "one of a set of 3 files" in image.notes[0]


@pytest.mark.parametrize("read", [read_image, open_image])
def test_every_channel_is_read_from_its_own_file(tmp_path, read) -> None:
    held = write_set(tmp_path, channels(2))
    for c, (file, expected) in enumerate(held.items()):
        (image,) = read(tmp_path / file)
        np.testing.assert_array_equal(np.asarray(image.data), expected[0])
        assert image.channel_axis is None
        assert image.metadata["channel_names"] == (f"dye {c}",)


@pytest.mark.parametrize("name", ["s_Pos1.ome.tif", "moved.tif"])
@pytest.mark.parametrize("roots", ["own", "first"])
def test_a_file_taken_out_of_its_set_keeps_its_pixel_size(
    tmp_path, caplog, name, roots
) -> None:
    held = write_set(tmp_path, positions(2), roots)
    (tmp_path / "s_Pos0.ome.tif").unlink()
    (tmp_path / "s_Pos1.ome.tif").rename(tmp_path / name)
    (image,) = read_image(tmp_path / name)
    np.testing.assert_array_equal(image.data, held["s_Pos1.ome.tif"][0])
    known = roots == "own" or name.startswith("s_")
    assert image.space.scale == pytest.approx((0.2, 0.2) if known else (0.1, 0.1))
    assert not caplog.records


def test_a_renamed_file_without_a_uuid_keeps_what_all_positions_share(tmp_path) -> None:
    write_set(tmp_path, positions(2), "none")
    path = tmp_path / "s_Pos1.ome.tif"
    text = tifffile.tiffcomment(path).replace('"0.1"', '"0.2"')
    tifffile.tiffcomment(path, text.encode())
    path.rename(tmp_path / "x.tif")
    (image,) = read_image(tmp_path / "x.tif")
    assert image.space.scale == (0.2, 0.2) and "renamed" in image.notes[0]


def stack(files: int, gaps: Iterable[int] = ()) -> list:
    """4 times, 2 depths, 2 channels, spread over files."""
    places = [(c, z, t) for t in range(4) for z in range(2) for c in range(2)]
    per = -(-len(places) // files)
    planes = [
        (*place, i % per, f"part{i // per}.ome.tif") for i, place in enumerate(places)
    ]
    return [((2, 2, 4), [p for i, p in enumerate(planes) if i not in gaps])]


@pytest.mark.parametrize("read", [read_image, open_image])
def test_a_stack_that_was_split_is_never_filled_with_blank_planes(
    tmp_path, read
) -> None:
    held = write_set(tmp_path, stack(2))
    for missing in (False, True):
        if missing:
            (tmp_path / "part1.ome.tif").unlink()
        (image,) = read(tmp_path / "part0.ome.tif")
        assert image.data.shape == (2, 2, 2, *SIZE) and image.channel_axis == 2
        expected = held["part0.ome.tif"].reshape(2, 2, 2, *SIZE)
        np.testing.assert_array_equal(np.asarray(image.data), expected)
        assert "8 of the 16 planes" in image.notes[1]


def test_times_that_are_not_whole_are_left_out(tmp_path) -> None:
    held = write_set(tmp_path, stack(1, gaps=[13]))
    (image,) = read_image(tmp_path / "part0.ome.tif")
    assert image.data.shape == (3, 2, 2, *SIZE)
    expected = held["part0.ome.tif"][:12].reshape(3, 2, 2, *SIZE)
    np.testing.assert_array_equal(image.data, expected)
    assert "12 of the 16 planes" in image.notes[0]


def test_planes_that_were_never_written_are_not_made_up(tmp_path) -> None:
    data = pixels(4, 0)
    tifffile.imwrite(tmp_path / "a.ome.tif", data, ome=True, metadata={"axes": "TYX"})
    text = tifffile.tiffcomment(tmp_path / "a.ome.tif").replace(
        'SizeT="4"', 'SizeT="6"'
    )
    text = text.replace('PlaneCount="4"', 'PlaneCount="6"')
    tifffile.tiffcomment(tmp_path / "a.ome.tif", text.encode())
    (image,) = read_image(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(image.data, data)
    assert "4 of the 6 planes" in image.notes[0]


def test_planes_without_a_whole_stack_are_refused(tmp_path) -> None:
    planes = [(0, 0, 0, 0, "a.ome.tif"), (1, 1, 1, 1, "a.ome.tif")]
    planes.append((1, 0, 0, 0, "b.ome.tif"))
    write_set(tmp_path, [((2, 2, 2), planes)])
    with pytest.raises(DataError, match=r"a\.ome\.tif: .*no whole stack"):
        read_image(tmp_path / "a.ome.tif")


def test_a_companion_file_tells_of_all(tmp_path) -> None:
    file = "a.ome.tif"
    uuids = {file: "urn:uuid:1", "b.ome.tif": "urn:uuid:2"}
    planes = [(0, 0, 0, 0, file), (1, 0, 0, 0, "b.ome.tif")]
    text = ome_xml([((2, 1, 1), planes)], uuids)
    (tmp_path / "set.companion.ome").write_text(text)
    tifffile.imwrite(
        tmp_path / file,
        pixels(1, 0),
        description='<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/'
        'Schemas/OME/2016-06" UUID="urn:uuid:1"><BinaryOnly '
        'MetadataFile="set.companion.ome" UUID="urn:uuid:9"/></OME>',
        metadata=None,
    )
    (image,) = read_image(tmp_path / file)
    assert image.space.scale == (0.1, 0.1)
    assert image.metadata["channel_names"] == ("dye 0",)


def test_a_batch_takes_every_position_once(tmp_path) -> None:
    write_set(tmp_path, positions(3))
    found = find_sources([tmp_path], tmp_path / "out")
    assert [source.path.name for source in found] == [
        f"s_Pos{i}.ome.tif" for i in range(3)
    ]


def test_a_batch_takes_the_file_of_the_channel_named_after_nuclei(tmp_path) -> None:
    write_set(tmp_path, channels(3))
    for path in tmp_path.glob("*.tif"):
        path.write_bytes(path.read_bytes().replace(b'"dye 1"', b'"DAPI1"'))
    (found,) = find_sources([tmp_path], tmp_path / "out")
    assert found.path.name == "c1.ome.tif"


@pytest.mark.parametrize(("channel", "kept"), [(None, "c0"), (1, "c1"), (5, "c0 c1")])
def test_a_batch_takes_the_channel_that_is_segmented(tmp_path, channel, kept) -> None:
    write_set(tmp_path, channels(2))
    found = find_sources([tmp_path], tmp_path / "out", channel=channel)
    names = " ".join(source.path.name.split(".")[0] for source in found)
    assert names == kept
    named = find_sources([tmp_path / "c1.ome.tif"], tmp_path / "out", channel=channel)
    assert len(named) == 1
