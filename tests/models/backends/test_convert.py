"""A converted network takes any size and gives its maps in order."""

import numpy as np
import pytest
import torch

from napari_pmrnet.models.backends.choose import has_openvino
from napari_pmrnet.models.backends.eager import in_float32
from napari_pmrnet.models.model import Model


@pytest.mark.skipif(not has_openvino(), reason="the extra openvino is not installed")
def test_outputs_are_the_network_s_maps_in_order(model: Model) -> None:
    import openvino

    from napari_pmrnet.models.backends.convert import convert

    precisely = {"INFERENCE_PRECISION_HINT": "f32"}
    network = convert(model.network)
    compiled = openvino.Core().compile_model(network, "CPU", precisely)
    for size in ((40, 64), (96, 32)):
        tile = torch.rand(1, 3, *size)
        with torch.no_grad():
            expected = in_float32(model.network(tile, maps=True))
        found = compiled([tile.numpy()])
        for index, values in enumerate(expected):
            np.testing.assert_allclose(found[index], values, atol=1e-4)
