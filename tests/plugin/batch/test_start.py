"""napari started with the results of a folder."""

from napari_pmrnet.plugin.batch import start
from napari_pmrnet.plugin.batch.dock import SegmentFolder

from .test_folder_review import Hand, hand, output

__all__ = ["hand", "output"]


def test_the_window_opens_with_the_image(
    hand, output, make_napari_viewer_proxy, monkeypatch, qtbot
) -> None:
    viewer = make_napari_viewer_proxy()
    waited = []
    monkeypatch.setattr(start.napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(start.napari, "run", lambda: waited.append(1))
    start.review_in_napari(output, "../b.tif")
    assert waited
    dock = viewer.__wrapped__.window._qt_window.findChild(SegmentFolder)
    Hand(viewer, dock, qtbot).wait_for("b")
