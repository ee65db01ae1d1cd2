"""The table of endings, and names without them."""

from pathlib import Path

import pytest

from napari_pmrnet.io.formats import IMAGE_ENDINGS, IMAGES, Format, image_name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.tif", Format.TIFF),
        ("a.b.TIFF", Format.TIFF),
        ("a.jpeg", Format.JPEG),
        ("plate.ome.zarr", Format.ZARR),
        ("a.json", Format.GEOJSON),
        ("a.docx", None),
        ("tif", None),
        (".tif", None),
    ],
)
def test_the_ending_tells_the_format(name: str, kind: Format | None) -> None:
    assert Format.of(name) is Format.of(Path("folder.png") / name) is kind


def test_no_ending_is_of_two_formats() -> None:
    endings = [ending for kind in Format for ending in kind.value]
    assert len(set(endings)) == len(endings)
    assert all(Format.of(f"a{ending}") in IMAGES for ending in IMAGE_ENDINGS)


def test_names_of_images() -> None:
    names = [image_name(Path(name)) for name in ("a.tif", "a.ome.tif", "b.OME.zarr")]
    assert names == ["a", "a", "b"]
