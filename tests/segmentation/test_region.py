"""A region gives what the whole image gives there, and costs what the region costs."""

from __future__ import annotations

import numpy as np
import pandas as pd
from card_model import on_cpu
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_pmrnet.models.card import new_card
from napari_pmrnet.segmentation import Segmentation, Settings
from napari_pmrnet.segmentation.flow_labels import drop_small, label_nuclei
from napari_pmrnet.segmentation.objects import FEATURES, describe_objects
from napari_pmrnet.segmentation.postprocess import missed_nuclei, missed_of, nuclei_of
from napari_pmrnet.segmentation.region import Region

SHAPE = (230, 260)
CARD = new_card(
    ("probability",),
    object_certainty={"intercept": 0.3, **dict.fromkeys(FEATURES, 0.2)},
    missed_certainty={"intercept": 0.1, **dict.fromkeys(FEATURES, -0.1)},
)
MODEL = on_cpu(CARD)
CORNERS = st.tuples(st.integers(0, 229), st.integers(0, 259))


def scene(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Maps and flows of crowded discs of many sizes."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    owner, far = np.zeros(SHAPE, int), np.full(SHAPE, np.inf)
    centres = random.uniform((0, 0), SHAPE, (60, 2))
    for i, (radius, (cy, cx)) in enumerate(
        zip(random.uniform(3, 16, 60), centres, strict=True)
    ):
        distance = np.hypot(y - cy, x - cx) / radius
        owner = np.where(distance < far, i, owner)
        far = np.minimum(far, distance)
    to = np.stack([centres[owner, 0] - y, centres[owner, 1] - x])
    flows = to / np.maximum(np.hypot(*to), 1) + random.normal(0, 0.15, (2, *SHAPE))
    probability = 1 / (1 + np.exp(6 * (far - 1))) + random.normal(0, 0.05, SHAPE)
    maps = {
        "probability": np.clip(probability, 0, 1),
        "boundary": random.uniform(size=SHAPE),
        "certainty": random.uniform(size=SHAPE),
    }
    maps = {name: values.astype(np.float32) for name, values in maps.items()}
    return maps, flows.astype(np.float32)


def mask_between(a: tuple[int, int], b: tuple[int, int]) -> np.ndarray:
    """An ellipse that fills the box of two corners."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    middle, half = (low + high) / 2, (high - low) / 2 + 0.6
    return ((y - middle[0]) / half[0]) ** 2 + ((x - middle[1]) / half[1]) ** 2 <= 1


def blanked(values: np.ndarray, region: Region) -> np.ndarray:
    """Maps as they are where only a region was predicted."""
    return region.place(values[..., *region.predicted], region.predicted)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), CORNERS, CORNERS, st.booleans())
def test_labels_and_table_are_those_of_the_whole_image(seed, a, b, border) -> None:
    maps, flows = scene(seed)
    mask = mask_between(a, b)
    region = Region.of(mask)
    maps = {name: blanked(values, region) for name, values in maps.items()}
    flows = blanked(flows, region)
    chosen = Settings(exclude_border=border)
    labels, objects = nuclei_of(maps, flows, chosen, region, 15.0, MODEL)

    every = label_nuclei(maps["probability"], flows, chosen, 15.0)
    index = np.arange(1, every.max() + 1)
    centres = np.array(ndimage.center_of_mass(every > 0, every, index)).reshape(-1, 2)
    inside = mask[tuple(np.round(centres).astype(int).T)]
    kept = drop_small(np.where(np.isin(every, index[inside]), every, 0), 0)
    np.testing.assert_array_equal(labels, kept)
    expected = describe_objects(kept, maps, flows, CARD.object_certainty)
    assert objects["area"].tolist() == expected["area"].tolist()
    np.testing.assert_allclose(objects, expected, rtol=1e-6)

    missed = missed_of(labels, maps, flows, chosen, region, 15.0, CARD)
    proposed = missed_nuclei(
        kept, maps, flows, chosen, CARD.missed_certainty, 15.0
    ).objects
    at = proposed[["centroid_y", "centroid_x"]].round().astype(int).to_numpy()
    proposed = proposed[mask[tuple(at.T)]]
    assert sorted(missed.objects["area"]) == sorted(proposed["area"])
    np.testing.assert_array_equal(
        np.unique(missed.labels[missed.labels > 0]), np.sort(missed.objects["label"])
    )


@given(CORNERS, CORNERS, st.lists(st.tuples(*[st.integers(-9, 300)] * 2), min_size=1))
def test_a_region_is_its_mask(a, b, points) -> None:
    mask = mask_between(a, b)
    region = Region.of(mask)
    np.testing.assert_array_equal(region.place(region.inside, region.box), mask)
    assert region.inside.any(axis=0)[[0, -1]].all()
    expected = [
        0 <= y < SHAPE[0] and 0 <= x < SHAPE[1] and mask[y, x] for y, x in points
    ]
    assert region.holds(np.array(points)).tolist() == expected


@given(st.integers(0, 3), CORNERS, CORNERS, CORNERS, CORNERS)
@settings(max_examples=15)
def test_a_region_anew_changes_nothing_but_numbers(seed, a, b, c, d):
    maps, flows = scene(seed)
    region, other = Region.of(mask_between(a, b)), Region.of(mask_between(c, d))

    def found(where):
        given = Settings(least_certainty=0.0)
        labels, objects = nuclei_of(maps, flows, given, where, 14.0, MODEL)
        return Segmentation(
            labels, maps, objects, given, MODEL, "cpu", flows=flows, region=where
        )

    whole, part = found(None), found(region)
    anew = whole.renewed(part)
    np.testing.assert_array_equal(anew.labels > 0, whole.labels > 0)
    pairs = set(zip(anew.labels.ravel(), whole.labels.ravel(), strict=True))
    assert len(pairs) == whole.labels.max() + 1
    assert anew.region is None and set(anew.objects["label"]) == set(
        np.unique(anew.labels)
    ) - {0}
    areas = np.bincount(anew.labels.ravel())
    np.testing.assert_array_equal(anew.objects["area"], areas[anew.objects["label"]])
    high = whole.renewed(part, 20_000_000)
    pd.testing.assert_series_equal(high.objects["area"], anew.objects["area"])
    both = part.renewed(found(other)).region.mask()
    np.testing.assert_array_equal(both, mask_between(a, b) | mask_between(c, d))


def test_what_lies_outside_a_region_keeps_pixels_and_number():
    labels = np.zeros((20, 30), int)
    labels[2:8, 2:8], labels[2:8, 12:20], labels[12:18, 2:9] = 1, 2, 4
    mask = np.zeros(labels.shape, bool)
    mask[:10, 9:] = True
    fresh = np.zeros(labels.shape, int)
    fresh[0:6, 6:14], fresh[4:9, 22:27] = 1, 2
    renewed = Region.of(mask).renewed(labels, fresh, 7)
    for kept in (1, 4):
        np.testing.assert_array_equal(renewed == kept, labels == kept)
    assert not (renewed == 2).any()
    np.testing.assert_array_equal(renewed == 8, (fresh == 1) & (labels != 1))
    np.testing.assert_array_equal(renewed == 9, fresh == 2)
    assert renewed.dtype == labels.dtype and labels.max() == 4
