"""Labels are opened whatever becomes of their maps."""

import numpy as np
import pytest

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.widgets import maps
from napari_pmrnet.plugin.widgets.maps import UNAWAITED, origin_or_why
from napari_pmrnet.proofreading.origin import Origin
from napari_pmrnet.segmentation.predict import Progress, run_to_end

LABELS = np.ones((4, 5), np.int32)


@pytest.mark.parametrize(
    ("error", "hurried", "why"),
    [
        (None, False, ""),
        (None, True, UNAWAITED),
        (ImageError("'a' is blank."), False, "'a' is blank."),
        (RuntimeError("no memory"), False, "could not be made (no memory)"),
        (KeyError(), False, "could not be made (KeyError)"),
    ],
)
def test_maps_or_the_reason(monkeypatch, error, hurried, why) -> None:
    closed = []

    def make():
        try:
            yield Progress(0, 1, "tile")
            if error is not None:
                raise error
        finally:
            closed.append(1)
        return Origin(LABELS, {"certainty": np.ones(LABELS.shape)}, None)

    monkeypatch.setattr(maps, "load_torch", lambda: None)
    calls = iter([False, hurried, hurried])
    steps = origin_or_why(LABELS, make, lambda: next(calls, hurried))
    origin, told = run_to_end(steps)
    assert origin.labels is LABELS and bool(origin.maps) is (not why)
    assert why in told and bool(told) is bool(why) and closed
