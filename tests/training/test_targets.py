"""Targets on labels small enough to draw by hand."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_pmrnet.training.targets import (
    assemble,
    borders,
    close_to_another,
    gradient_flows,
    inner_distance,
)


def two_nuclei() -> np.ndarray:
    labels = np.zeros((24, 40), np.int32)
    labels[5:18, 4:20] = 1
    labels[5:18, 20:33] = 4
    return labels


def test_inner_distance_is_one_in_every_middle_and_low_where_they_touch() -> None:
    labels = two_nuclei()
    distance = inner_distance(labels)
    assert distance.dtype == np.float32
    assert distance[labels == 1].max() == distance[labels == 4].max() == 1
    assert (distance[labels == 0] == 0).all()
    assert distance[11, 19] < 0.2 and distance[11, 20] < 0.2


def test_flows_are_unit_vectors_to_the_centre() -> None:
    labels = two_nuclei()
    flow = gradient_flows(labels)
    length = np.linalg.norm(flow, axis=0)
    assert (length[labels == 0] == 0).all()
    assert (length[labels > 0] > 0.99).mean() > 0.98
    assert flow[0, 6, 11] > 0.9 and flow[0, 16, 11] < -0.9
    assert flow[1, 11, 5] > 0.9 and flow[1, 11, 18] < -0.9
    assert flow[1, 11, 21] > 0.9 and flow[1, 11, 31] < -0.9


def test_no_nuclei_no_flows() -> None:
    assert not gradient_flows(np.zeros((5, 6), np.int32)).any()


def test_borders_are_two_pixels_wide_between_labels() -> None:
    labels = torch.tensor([[0, 0, 0, 1, 1, 1, 2, 2, 2]]).float().expand(1, 1, 4, 9)
    assert borders(labels)[0, 0, 1].tolist() == [0, 0, 1, 1, 0, 1, 1, 0, 0]


@given(st.integers(0, 99), st.integers(1, 4))
@settings(deadline=None)
def test_pixels_close_to_another_nucleus(seed: int, reach: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((17, 19), np.int32)
    for number in range(1, 5):
        y, x = rng.integers(0, 13, 2)
        labels[y : y + rng.integers(1, 5), x : x + rng.integers(1, 5)] = number
    labels[rng.integers(17), rng.integers(19)] = -1
    found = close_to_another(torch.from_numpy(labels)[None, None].float(), reach)
    for y, x in np.ndindex(labels.shape):
        rows = slice(max(0, y - reach), y + reach + 1)
        columns = slice(max(0, x - reach), x + reach + 1)
        near = set(labels[rows, columns].ravel().tolist()) - {0, -1}
        assert found[0, 0, y, x] == (len(near) > 1), (y, x)


def test_what_pixels_count() -> None:
    labels = torch.zeros(1, 1, 9, 20)
    labels[..., 2:5], labels[..., 5:8], labels[..., 19] = 1, 2, -1
    flows = torch.zeros(1, 2, 9, 20)
    plain = assemble(labels.clamp(min=0), labels, flows)
    assert plain.shape[1] == 5
    unknown = assemble(labels, labels, flows)[0, 5, 0]
    assert unknown.tolist() == [1] * 19 + [0]
    weighed = assemble(labels, labels, flows, touching=2.0)[0, 5, 0]
    assert weighed.tolist() == [1] * 2 + [3] * 6 + [1] * 11 + [0]
