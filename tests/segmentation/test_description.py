"""The paragraph says what the labels carry, and only that."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.models.card import read_card
from napari_pmrnet.models.library import find_weights
from napari_pmrnet.segmentation.description import CITATION, describe
from napari_pmrnet.settings import Settings

CARD = read_card(find_weights("nuclei"))
USUAL = Settings.for_card(CARD)


def made(settings: Settings = USUAL, **more) -> Provenance:
    told = {"software": "napari-pmrnet 0.1.0", "image": "a.tif", **more}
    return Provenance(settings.as_dict(), CARD.sha256, **told)


def test_defaults_are_told_with_version_weights_and_citation() -> None:
    text = describe([made(diameter=21.34)])
    assert text.startswith("Nuclei were segmented with napari-pmrnet 0.1.0, an impl")
    assert f"the weights 'nuclei' (SHA-256 {CARD.sha256[:12]})" in text
    assert (
        "diameter of a typical nucleus was estimated from the image (21.3 pix" in text
    )
    assert "percentiles 1 and 99.8 of the whole image, without debris" in text
    assert "seed threshold 0.5, least certainty 0.05;" in text
    assert "Other settings: the defaults." in text and text.endswith(CITATION)


SETTINGS = st.builds(
    Settings,
    channel=st.none() | st.integers(0, 9),
    diameter=st.none() | st.floats(2, 1000),
    probability_threshold=st.floats(0.05, 0.95),
    seed_threshold=st.floats(0.05, 0.95),
    least_certainty=st.floats(0, 0.95),
    min_area=st.none() | st.integers(0, 100_000),
    flips=st.booleans(),
    exclude_border=st.booleans(),
    limits=st.sampled_from(["automatic", "percentiles", "region", "120:4000"]),
)


@given(SETTINGS)
def test_every_value_that_makes_other_labels_is_told(settings) -> None:
    text = describe([made(Settings.from_dict(json.loads(json.dumps(vars(settings)))))])
    for name in ("probability_threshold", "seed_threshold", "least_certainty"):
        value = getattr(settings, name)
        assert f"{name.replace('_', ' ')} {value:g}" in text
        if value != getattr(USUAL, name):
            assert f"{value:g} (default {getattr(USUAL, name):g})" in text
    assert ("average over flips" in text) == settings.flips
    assert ("exclude cut nuclei" in text) == settings.exclude_border
    assert ("; channel" in text or ": channel" in text) == (
        settings.channel is not None
    )
    if settings.diameter is not None:
        assert f"given as {settings.diameter:g} pixels" in text
    if settings.min_area is not None:
        assert f"fewer than {settings.min_area} pixels" in text
    assert ("120 to 4000" in text) == (settings.limits == "120:4000")


def test_images_that_were_made_alike_share_their_sentences() -> None:
    alike = [made(image=f"{n}.tif", diameter=20.0 + n) for n in range(3)]
    text = describe(alike)
    assert "Nuclei were segmented in 3 images with" in text
    assert "(20.0 to 22.0 pixels)" in text and text.count("Nuclei were") == 1
    other = made(Settings(flips=True, device="cuda"))
    text = describe([*alike, other, made(Settings(device="cpu", flips=True))], "z")
    assert "in 3 images with" in text and "in 2 images with" in text
    assert "along z have one number" in text and text.count(CITATION) == 1


def test_labels_of_before_and_of_weights_that_are_gone() -> None:
    old = Provenance({"model": "/models/mine.safetensors"}, "f00d" * 16, "a.tif")
    text = describe([old])
    assert "its version was not recorded" in text
    assert "'mine' (SHA-256 f00df00df00d)" in text
    assert "least certainty 0 (default 0.05)" in text
    assert "estimated from the image, the" in text


def test_labels_that_do_not_say_are_refused() -> None:
    with pytest.raises(DataError, match="'a.tif': the labels do not say"):
        describe([Provenance(image="a.tif")])
    with pytest.raises(DataError, match="no labels"):
        describe([])
