"""What files say of themselves is read back; anything else is no tag."""

import json

import pytest

from napari_pmrnet.io.provenance import (
    METADATA_KEY,
    Provenance,
    Tag,
    info_text,
    read_info,
    read_label_tag,
    software,
)
from napari_pmrnet.io.space import Space

TAG = Tag(
    Space(("y", "x"), (0.5, 0.25), ("um", "um")),
    Provenance({"min_area": 3}, "f00d"),
)


def test_a_tag_comes_back_through_json() -> None:
    text = json.dumps(TAG.as_dict())
    assert Tag.from_dict(json.loads(text)) == TAG
    assert list(json.loads(text)) == [
        *("axes", "scale", "units"),
        *("settings", "weights_hash"),
    ]
    assert read_label_tag(f"ImageJ=1.53\n{METADATA_KEY}={text}\n") == TAG


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ImageJ=1.53",
        f"{METADATA_KEY}=nonsense",
        f"{METADATA_KEY}=[1]",
        f'{METADATA_KEY}={{"axes": ["y"]}}',
        f'{METADATA_KEY}={{"axes": ["y"], "scale": ["a"], "units": ["um"]}}',
    ],
)
def test_other_descriptions_are_none(text: str) -> None:
    assert read_label_tag(text) is None


@pytest.mark.parametrize(
    "values",
    [
        *(None, 3, "text", [], {"axes": None}),
        dict.fromkeys(("axes", "scale", "units")),
        {**TAG.as_dict(), "units": ["um"]},
        {**TAG.as_dict(), "scale": [0.0] * len(TAG.space.axes)},
        {**TAG.as_dict(), "scale": [float("nan")] * len(TAG.space.axes)},
        {**TAG.as_dict(), "translate": [float("inf")] * len(TAG.space.axes)},
    ],
)
def test_other_values_are_no_tag(values: object) -> None:
    assert Tag.from_dict(values) is None


def test_provenance_is_picked_out_of_what_else_is_said() -> None:
    made = {"image": "a", "weights_hash": "f00d", "device": "cpu"}
    assert Provenance.from_dict(made) == Provenance(None, "f00d", "a")
    assert Provenance.from_dict({}).as_dict() == {
        "settings": None,
        "weights_hash": None,
    }
    assert software().startswith("napari-pmrnet")


def test_what_others_have_made_something_else_of_is_not_known() -> None:
    made = {"settings": ["nuclei"], "weights_hash": 7, "image": "a", "diameter": "20"}
    assert Provenance.from_dict(made) == Provenance(image="a")
    assert Provenance.from_dict({"diameter": 20}) == Provenance(diameter=20)


def test_what_imagej_keeps_comes_back() -> None:
    made = Provenance({"model": "nuclei"}, "f00d", "a.tif", "beef", 21.5, software())
    assert read_info(info_text(made)) == made
    assert read_info(info_text(made) + "Saved by someone: twice\n") == made
    for other in (None, "", "Labels of nuclei by", info_text(made)[:40], 7, "a\nb"):
        assert read_info(other) is None
