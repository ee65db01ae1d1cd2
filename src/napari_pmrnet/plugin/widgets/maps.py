"""Maps for labels that came without them, made beside the window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.proofreading.origin import Origin

if TYPE_CHECKING:
    import numpy as np

    from napari_pmrnet.segmentation.predict import Progress

logger = logging.getLogger(__name__)

UNAWAITED = "Its certainty was not waited for."


def origin_or_why(
    labels: np.ndarray,
    make: Callable[[], Generator[Progress, None, Origin]],
    hurried: Callable[[], bool],
) -> Generator[Progress, None, tuple[Origin, str]]:
    """Make the origin of labels; labels are opened whatever the network does.

    Parameters
    ----------
    labels : ndarray of int, shape (H, W)
        As they were found.
    make : callable
        Gives the steps that make their maps.
    hurried : callable
        Whether to go on without maps.

    Yields
    ------
    Progress

    Returns
    -------
    Origin
        Without maps where none could be made.
    str
        Why not, in a sentence; empty if they were.
    """
    bare = Origin(labels, {}, None)
    with quiet_collector():
        try:
            load_torch()
            steps = make()
            while not hurried():
                yield next(steps)
            steps.close()
        except StopIteration as ended:
            return ended.value, ""
        except PMRNetError as error:
            return bare, str(error)
        except Exception as error:
            logger.exception("maps could not be made")
            told = str(error) or type(error).__name__
            return bare, f"Its certainty could not be made ({told})."
    return bare, UNAWAITED
