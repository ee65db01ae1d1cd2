"""Maps for labels that came without them, made beside the window."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.plugin.widgets.torch_loading import load_torch, quiet_collector
from napari_pmrnet.proofreading.origin import Origin, origins
from napari_pmrnet.proofreading.place import Plane

if TYPE_CHECKING:
    import numpy as np

    from napari_pmrnet.segmentation.predict import Progress

logger = logging.getLogger(__name__)

UNAWAITED = "Its certainty was not waited for."
UNAWAITED_PLANES = "The certainty of {} of {} planes was not waited for."

Origins = dict[Plane, Origin]


def origins_or_why(
    labels: np.ndarray,
    make: Callable[[Origins], Generator[Progress, None, None]],
    hurried: Callable[[], bool],
) -> Generator[Progress, None, tuple[Origins, str]]:
    """Make the origins of the planes of labels, which are opened whatever comes of it.

    Parameters
    ----------
    labels : ndarray of int, shape (..., H, W)
        As they were found.
    make : callable
        Gives the steps that make maps; what it is given takes the origin of each plane.
    hurried : callable
        Whether to go on without maps.

    Yields
    ------
    Progress

    Returns
    -------
    dict of Origin
        Of every plane, without maps where none could be made.
    str
        Why not, in a sentence; empty if they were.
    """
    known = origins(labels)
    with quiet_collector():
        try:
            load_torch()
            steps = make(known)
            while not hurried():
                yield next(steps)
            steps.close()
        except StopIteration:
            return known, ""
        except PMRNetError as error:
            return known, str(error)
        except Exception as error:
            logger.exception("maps could not be made")
            told = str(error) or type(error).__name__
            return known, f"Its certainty could not be made ({told})."
    without = sum(not origin.maps for origin in known.values())
    if without == len(known):
        return known, UNAWAITED
    return known, UNAWAITED_PLANES.format(without, len(known))
