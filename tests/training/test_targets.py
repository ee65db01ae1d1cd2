"""Targets on labels small enough to draw by hand."""

import numpy as np
import torch

from napari_pmrnet.training.targets import borders, gradient_flows, inner_distance


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
