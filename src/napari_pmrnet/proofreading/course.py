"""The course of a review: what was said and done, in one order for all planes.

Labels of a stack or movie are reviewed plane by plane, each by a `Review` of its own;
statuses, steps, journal and the numbers of new nuclei are those of the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from napari_pmrnet.proofreading.place import NUCLEUS, Place, Plane

if TYPE_CHECKING:
    from napari_pmrnet.proofreading.journal import Journal
    from napari_pmrnet.proofreading.review import Change, Review
    from napari_pmrnet.segmentation.tiles import Box


class Step(NamedTuple):
    """A step of the user's own.

    Attributes
    ----------
    before : dict
        Statuses, by place, that the step changed.
    painted : bool
        Whether it changed pixels.
    boxes : mapping of tuple of slice, optional
        Planes with the boxes that hold them all; None if that is not known.
    place : Place or None
        The place it was the answer to.
    """

    before: dict[Place, str]
    painted: bool = False
    boxes: Mapping[Plane, Box] | None = None
    place: Place | None = None


@dataclass
class Course:
    """The course of a review.

    Parameters
    ----------
    journal : Journal, optional
        Is told all that happens.
    statuses : dict
        Status of places: ``accepted`` or ``dismissed``. Others have none.

    Attributes
    ----------
    planes : dict of Review
        The review of every plane; that of a plain image is at ``()``.
    """

    journal: Journal | None = None
    statuses: dict[Place, str] = field(default_factory=dict)
    planes: dict[Plane, Review] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def review_of(self, place: Place) -> Review:
        """The review of the plane that a place is on."""
        return self.planes[place[2:]]

    def is_there(self, place: Place) -> bool:
        """Tell whether a place is still one to look at."""
        return self.review_of(place).is_there(place)

    def place_of(self, step: Step, changes: Sequence[Change]) -> Place | None:
        """Find the place of a step: what it was the answer to, or else what it changed.

        Parameters
        ----------
        step : Step
        changes : sequence of Change
            What it changed in the labels; empty if it changed statuses only.

        Returns
        -------
        Place or None
            None if there is none any more.
        """
        places = [step.place] if step.place else []
        places += step.before
        for change in changes:
            order = *sorted(change.kept), *sorted(change.made)
            places += [(NUCLEUS, label, *change.plane) for label in order]
        return next((place for place in places if self.is_there(place)), None)

    def next_label(self) -> int:
        """Smallest label above all that are in use, on any plane."""
        return max(review.nuclei.next_label() for review in self.planes.values())

    def tell(self, statuses: Mapping[Place, str]) -> None:
        """Give places a status, as one step; an empty one takes it away."""
        if statuses:
            self._did(Step(self._set(statuses)))

    def painted(
        self,
        boxes: Mapping[Plane, Box] | None = None,
        statuses: Mapping[Place, str] | None = None,
        place: Place | None = None,
    ) -> None:
        """Note a change of pixels as a step of the user's own, to be undone in turn."""
        self._did(Step(self._set(statuses or {}), True, boxes, place))

    def undo(self) -> Step | None:
        """Take back the last step.

        Returns
        -------
        Step or None
            None if there is none. If it has ``painted``, the owner of the labels has to
            undo it and then have the reviews follow, with ``step=False``.
        """
        return self._turn_back(self._done, self._undone)

    def redo(self) -> Step | None:
        """Do again what was taken back last; returns what `undo` does."""
        return self._turn_back(self._undone, self._done)

    def _set(self, statuses: Mapping[Place, str]) -> dict[Place, str]:
        """Change statuses; gives those before."""
        before = {place: self.statuses.get(place, "") for place in statuses}
        for place, status in statuses.items():
            if status:
                self.statuses[place] = status
            else:
                self.statuses.pop(place, None)
            if self.journal is not None:
                self.journal.told(place, status)
        return before

    def _did(self, step: Step) -> None:
        self._done.append(step)
        self._undone.clear()

    def _turn_back(self, steps: list[Step], others: list[Step]) -> Step | None:
        """Take one step off a pile, reverse it and put it on the other pile."""
        if not steps:
            return None
        step = steps.pop()
        others.append(step._replace(before=self._set(step.before)))
        return step
