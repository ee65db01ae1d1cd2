"""Labels are opened whatever becomes of their maps."""

import numpy as np
import pytest

from napari_pmrnet.errors import ImageError
from napari_pmrnet.plugin.widgets import maps
from napari_pmrnet.plugin.widgets.maps import UNAWAITED, origins_or_why
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

    def make(known):
        try:
            yield Progress(0, 1, "tile")
            if error is not None:
                raise error
        finally:
            closed.append(1)
        known[()] = Origin(LABELS, {"certainty": np.ones(LABELS.shape)}, None)

    monkeypatch.setattr(maps, "load_torch", lambda: None)
    calls = iter([False, hurried, hurried])
    steps = origins_or_why(LABELS, make, lambda: next(calls, hurried))
    known, told = run_to_end(steps)
    (origin,) = known.values()
    assert np.array_equal(origin.labels, LABELS) and bool(origin.maps) is (not why)
    assert why in told and bool(told) is bool(why) and closed


@pytest.mark.parametrize("error", [None, RuntimeError("no memory")])
def test_planes_that_are_done_keep_their_maps(monkeypatch, error) -> None:
    stack = np.stack([LABELS] * 3)

    def make(known):
        for plane in known:
            if error is not None and plane == (1,):
                raise error
            maps = {"certainty": np.ones(LABELS.shape)}
            known[plane] = Origin(stack[plane], maps, None)
            yield Progress(plane[0], 3, "plane")

    monkeypatch.setattr(maps, "load_torch", lambda: None)
    calls = iter([False, True])
    hurried = (lambda: next(calls)) if error is None else (lambda: False)
    known, told = run_to_end(origins_or_why(stack, make, hurried))
    assert [bool(origin.maps) for origin in known.values()] == [True, False, False]
    wanted = "of 2 of 3 planes was not waited for" if error is None else "no memory"
    assert wanted in told
