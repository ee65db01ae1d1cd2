"""Cancelled 200 times at a random window, a viewer keeps nothing of it."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QThreadPool

from napari_pmrnet.datasets.synthetic import make_fluorescence
from napari_pmrnet.plugin.segment.controller import Session
from napari_pmrnet.plugin.segment.dock import SegmentNuclei
from napari_pmrnet.settings import Settings

RUNS, WARM = 200, 40
MOST_GROWTH = 20.0


def resident() -> float:
    """Memory this process holds, in MB; Linux only."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Windows:
    """Counts the windows of a run."""

    def __init__(self, session: Session) -> None:
        self.session, self.done = session, 0
        session.progressed.connect(self.count)

    def count(self, done: int, total: int, _: str) -> None:
        self.done = done if total > 1 else self.done

    def reached(self, wanted: int) -> bool:
        return self.done >= wanted or not self.session.is_running

    def release(self) -> None:
        self.session.progressed.disconnect(self.count)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")
def test_two_hundred_cancellations_leave_nothing(
    make_napari_viewer_proxy: Any,
    manifest: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    image, _ = make_fluorescence((500, 500), seed=1)
    viewer = make_napari_viewer_proxy()
    viewer.add_image(np.ascontiguousarray(image), name="cells")
    dock = SegmentNuclei(viewer)
    viewer.window.add_dock_widget(dock)
    dock.form.set_settings(Settings(diameter=24.0))
    panel, session = dock.run_panel, dock.session
    qtbot.waitUntil(lambda: not dock._listing.is_running, timeout=60_000)
    threads, held = None, []
    ended: list[str] = []
    session.said.connect(lambda text, _: ended.append(text))
    for run in range(RUNS):
        windows = Windows(session)
        panel.run_button.click()
        wanted = random.Random(run).randrange(1, 9)
        qtbot.waitUntil(partial(windows.reached, wanted), timeout=120_000)
        dock.cancel()
        qtbot.waitUntil(panel.run_button.isEnabled, timeout=120_000)
        windows.release()
        assert [layer.name for layer in viewer.layers] == ["cells"], run
        if run >= WARM:
            QThreadPool.globalInstance().waitForDone()
            held.append(resident())
            threads = threads or threading.active_count()
            assert threading.active_count() <= threads, run
    assert len(ended) == RUNS and all("Cancelled" in text for text in ended)
    assert not list(tmp_path.iterdir())
    early, late = np.median(held[:40]), np.median(held[-40:])
    print(f"{RUNS} cancellations: {early:.0f} MB held, {late:.0f} MB at the end")
    assert late - early < MOST_GROWTH
