"""Many images, unattended: labels of each, a table and a contact sheet of all.

One engine for the command line, the dock and Python. It knows no viewer and prints
nothing: `batch_steps` is a plain generator that tells what happens.
"""

from __future__ import annotations

from napari_pmrnet.batch.events import BatchReport
from napari_pmrnet.batch.job import BatchJob
from napari_pmrnet.batch.run import batch_steps, segment_files
from napari_pmrnet.batch.summary import Row

__all__ = ["BatchJob", "BatchReport", "Row", "batch_steps", "segment_files"]
