"""The shipped network in the dock gives what it gives in a script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_pmrnet
from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.plugin.segment.dock import SegmentNuclei

WEIGHTS = Path(napari_pmrnet.__file__).parent / "models" / "nuclei.safetensors"


@pytest.mark.skipif(not WEIGHTS.exists(), reason=f"there is no {WEIGHTS.name} here")
def test_the_dock_and_a_script_agree(make_napari_viewer_proxy, manifest, qtbot):
    image, truth = make_fluorescence((300, 280), n=20, seed=1)
    viewer = make_napari_viewer_proxy()
    viewer.add_image(image, name="cells", scale=(0.5, 0.5), units=("um", "um"))
    dock = SegmentNuclei(viewer)
    viewer.window.add_dock_widget(dock)
    dock.run_panel.run_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled, timeout=240_000)

    labels = viewer.layers["cells nuclei"].data
    expected = napari_pmrnet.segment(image)
    assert np.array_equal(labels, expected.labels)
    assert abs(int(labels.max()) - int(truth.max())) <= 0.3 * truth.max()
    for kind, values in expected.maps.items():
        # Sums go by the threads at hand, which drawing labels changes in this process.
        shown = viewer.layers[f"cells {kind}"].data
        np.testing.assert_allclose(shown, values, atol=1e-6)
    qtbot.waitUntil(lambda: dock.model_panel.device.combo.count() > 1)
    dock.run_panel.run_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled, timeout=240_000)
    assert np.array_equal(viewer.layers["cells nuclei"].data, expected.labels)


def test_pixels_that_are_no_numbers_are_background_and_are_told(
    make_napari_viewer_proxy, manifest, qtbot, weights
):
    image = make_fluorescence((120, 130), n=8, seed=1)[0].astype(np.float32)
    image[:40, :50], image[80, 90] = np.nan, np.inf
    viewer = make_napari_viewer_proxy()
    viewer.add_image(image, name="cells")
    dock = SegmentNuclei(viewer)
    viewer.window.add_dock_widget(dock)
    dock.form.fields["model"].set_value(str(weights))
    dock.form.fields["min_area"].set_value(1)
    dock.run_panel.run_button.click()
    qtbot.waitUntil(dock.run_panel.run_button.isEnabled, timeout=240_000)
    labels = viewer.layers["cells nuclei"].data
    assert not labels[~np.isfinite(image)].any()
    told = "Pixels that are NaN, infinite or masked count as background."
    assert told in dock.status.text.text()
