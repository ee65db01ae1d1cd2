"""What came of a batch, in words."""

from pathlib import Path

import pytest

from napari_pmrnet.batch.events import BatchReport
from napari_pmrnet.plugin.batch.run import report_text


def report(files: int, stopped: bool = False, device: str = "", **ended: int):
    counts = {"done": 0, "unchanged": 0, "kept": 0, "failed": 0, **ended}
    return BatchReport(Path("out"), files, counts, stopped=stopped, device=device)


@pytest.mark.parametrize(
    ("made", "text", "tone"),
    [
        (
            report(3, done=2, unchanged=1, device="cpu"),
            "Of 3 files: 2 segmented on cpu, 1 finished before.",
            "good",
        ),
        (
            report(2, done=1, failed=1),
            "Of 2 files: 1 segmented, 1 could not be segmented.",
            "warning",
        ),
        (report(1, failed=1), "Of 1 file: 1 could not be segmented.", "error"),
        (
            report(1, kept=1),
            "Of 1 file: 1 kept because their labels were changed.",
            "warning",
        ),
        (
            report(9, stopped=True),
            "Stopped. Of 9 files: none finished. Start goes on from here.",
            "warning",
        ),
    ],
)
def test_a_batch_in_words(made: BatchReport, text: str, tone: str) -> None:
    assert report_text(made) == (text, tone)
