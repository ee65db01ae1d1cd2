"""An image of a folder that is on show, and what of its review is to be saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from napari_pmrnet.plugin.layers.result_layers import plain
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.qt import there

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Labels, Layer

    from napari_pmrnet.batch.worklist import Opened, Worklist
    from napari_pmrnet.plugin.batch.table import FileState
    from napari_pmrnet.proofreading.course import Course
    from napari_pmrnet.proofreading.origin import Origin
    from napari_pmrnet.proofreading.place import Place, Plane

_of_labels: WeakKeyDictionary[Layer, Shown] = WeakKeyDictionary()
"""What layers with labels of folders show, whichever dock opened them."""


class Content(NamedTuple):
    """What is saved of a review: labels, statuses, and whether nothing is left."""

    labels: np.ndarray
    statuses: dict[Place, str]
    done: bool

    def equals(self, other: Content | None) -> bool:
        """Tell whether two are the same."""
        if other is None or self[1:] != other[1:]:
            return False
        return np.array_equal(self.labels, other.labels)


@dataclass(eq=False)
class Shown:
    """An image of the folder that is in the viewer.

    Attributes
    ----------
    file : FileState
    layers : list of Layer
        All that were added for it.
    labels : Labels or None
        The layer with its labels, once they are there.
    opened : Opened or None
        What is known of them.
    worklist : Worklist or None
        Of their folder.
    origins : mapping of Origin
        Of every plane.
    course : Course or None
        Of the last review of the layer.
    done : bool
        Whether the user says that nothing is left to do.
    given_up : tuple or None
        Labels, statuses and whether all is done that the user does not want saved.
    """

    file: FileState
    layers: list[Layer] = field(default_factory=list)
    labels: Labels | None = None
    opened: Opened | None = None
    worklist: Worklist | None = None
    origins: Mapping[Plane, Origin] = field(default_factory=dict)
    course: Course | None = None
    done: bool = False
    given_up: Content | None = None

    @property
    def name(self) -> str:
        """Name of the image."""
        return self.file.name

    def take(
        self,
        labels: Labels,
        worklist: Worklist,
        opened: Opened,
        origins: Mapping[Plane, Origin],
    ) -> None:
        """Take in the layer with its labels, before it is in the viewer."""
        self.labels, self.worklist = labels, worklist
        self.opened, self.origins = opened, origins
        self.done = opened.state is not None and opened.state.done
        labels.events.features.connect(self.follow)
        _of_labels[labels] = self

    def follow(self, event: Any = None) -> None:
        """Keep hold of the review of the labels, which outlives its session."""
        session = None if self.labels is None else session_of(self.labels)
        if session is not None:
            self.course = session.course

    def now(self) -> Content:
        """All that would be saved, copied."""
        layer, state = there(self.labels), there(self.opened).state
        session = session_of(layer)
        if session is not None:
            session.settle()
        self.follow()
        statuses = {} if state is None else state.statuses
        if self.course is not None:
            statuses = self.course.statuses
        return Content(np.array(layer.data), dict(statuses), self.done)

    def unsaved(self) -> Content | None:
        """All that is to be saved; None if nothing has changed since it was."""
        opened = self.opened
        if opened is None or self.labels is None:
            return None
        state, now = opened.state, self.now()
        said = ({}, False) if state is None else (dict(state.statuses), state.done)
        saved = Content(opened.labels, *said)
        return None if now.equals(saved) or now.equals(self.given_up) else now

    def is_unsaved(self) -> bool:
        """Tell whether something was corrected or said since it was last saved."""
        return self.unsaved() is not None


def shown_in(viewer: ViewerModel) -> Shown | None:
    """What is on show of a folder, maybe left by a dock that was closed."""
    found = (_of_labels.get(plain(layer)) for layer in viewer.layers)
    return next((shown for shown in found if shown is not None), None)
