"""Results of the session: their images, their layers, and a new one over an old one.

Labels that were corrected by hand are never written over: a new result then gets a
layer of its own. That of a region takes the place of the labels in it alone. Both this
and a new run over labels that were not corrected are steps of napari's own undo, which
brings their table and maps back too. Maps are no one's handiwork and are replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels

from napari_pmrnet.io.label_numbers import LARGEST_LABEL
from napari_pmrnet.plugin.layers.on_plane import hide, keep_to_plane
from napari_pmrnet.plugin.layers.result_history import History, Run
from napari_pmrnet.plugin.layers.result_layers import (
    LABEL_KINDS,
    MAP_STYLE,
    MORE_MAPS,
    build_layer,
    describe_labels,
    own_labels,
    place_layer,
    plain,
    remove_layers,
    replace_labels,
    result_metadata,
)
from napari_pmrnet.plugin.layers.review_session import session_of
from napari_pmrnet.plugin.layers.source_image import print_of, tie
from napari_pmrnet.plugin.qt import there
from napari_pmrnet.segmentation.stack_segmentation import StackSegmentation

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_pmrnet.segmentation.stack_segmentation import Labelled

UNDOABLE = 16_777_216
"""Pixels of the largest labels that a new run replaces as a step of undo."""

_shown: WeakKeyDictionary[Layer, Result] = WeakKeyDictionary()


def result_of(layer: Layer) -> Result | None:
    """The result whose labels a layer shows; None for labels made elsewhere."""
    result = _shown.get(plain(layer))
    labels = None if result is None else result.labels
    return result if labels is not None and plain(labels) is plain(layer) else None


@dataclass
class Result:
    """A segmentation and the layers that show it.

    Attributes
    ----------
    image : napari.layers.Image
        Layer that was segmented.
    plane : str
        Title of the plane; empty for a plain image and for all planes of a stack.
    history : History
        The runs that the labels were filled with.
    layers : dict
        ``"nuclei"``, ``"probability"``, ``"boundary"``, ``"certainty"`` to a layer, and
        those of ``MORE_MAPS`` that were asked for.
    set_aside : list of napari.layers.Layer
        Labels that were corrected by hand before a newer result came.
    axes : sequence of int, or None
        Axes of the image that the layers have; by default y and x.
    seen : str or None
        `print_of` the image when it was segmented.
    remove : callable
        Takes a layer out of the viewer.
    """

    image: Image
    plane: str
    history: History
    layers: dict[str, Layer] = field(default_factory=dict)
    set_aside: list[Layer] = field(default_factory=list)
    axes: Sequence[int] | None = None
    seen: str | None = None
    remove: Callable[[Layer], Any] = field(default=lambda layer: None, repr=False)

    @property
    def segmentation(self) -> Labelled:
        """All that is on show, without corrections."""
        return self.history.run.found

    @property
    def latest(self) -> Labelled:
        """What the last run itself found, if of a region only."""
        run = self.history.run
        return run.found if run.part is None else run.part

    def part_run(self, found: Labelled) -> Run | None:
        """The run of a region of what is on show; None if it is not one."""
        under, layer = self.segmentation, self.labels
        if layer is None or isinstance(found, StackSegmentation):
            return None
        if isinstance(under, StackSegmentation) or found.region is None:
            return None
        kinds = {one.model.card.label_kind for one in (found, under)}
        if len(kinds) > 1 or found.labels.shape != under.labels.shape:
            return None
        numbers = [np.asarray(one).max(initial=0) for one in (layer.data, under.labels)]
        above = int(max(numbers))
        if above + int(found.labels.max(initial=0)) > LARGEST_LABEL:
            return None
        return Run.of_part(found, under, above)

    def follow(self, event: object = None) -> None:
        """Go back or forth to the run whose labels undo or redo has put on show."""
        layer = self.labels
        if layer is None or not self.history.follow(np.asarray(layer.data)):
            return
        self.close_more()
        describe_labels(layer, self.segmentation, self.image.name)
        for kind, shown in self.layers.items():
            if kind in self.segmentation.maps:
                fill_map(shown, self.segmentation, kind, self.image.name)

    def close_more(self) -> None:
        """Take the maps of ``MORE_MAPS`` away: another run is about to be shown."""
        for layer in self.more_maps():
            self.remove(layer)
        self.layers = {k: la for k, la in self.layers.items() if k not in MORE_MAPS}

    def more_maps(self) -> list[Layer]:
        """Layers of the maps that were asked for beside the usual ones."""
        return [layer for kind, layer in self.layers.items() if kind in MORE_MAPS]

    @property
    def labels(self) -> Labels | None:
        """Labels layer of the result, if it has one yet."""
        layer = self.layers.get("nuclei")
        return layer if isinstance(layer, Labels) else None

    def is_edited(self) -> bool:
        """Tell whether the labels differ from what the segmentation gave."""
        layer = self.labels
        return layer is not None and not np.array_equal(
            np.asarray(layer.data), self.segmentation.labels
        )


class Results:
    """Results of this session, by image layer and plane.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Viewer whose layers they are.
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._results: list[Result] = []
        self._left: list[Layer] = []

    def find(self, image: Layer | None, plane: str) -> Result | None:
        """Find the result of a plane of an image, less the layers the user removed."""
        for result in self._results:
            if result.image == image and result.plane == plane:
                result.layers = {
                    kind: layer
                    for kind, layer in result.layers.items()
                    if layer in self._viewer.layers
                }
                return result
        return None

    def layers_of(self, image: Layer) -> list[Layer]:
        """Every result layer of an image that is still in the viewer."""
        return [
            layer
            for result in self._results
            if result.image == image
            for layer in (*result.layers.values(), *result.set_aside)
            if layer in self._viewer.layers
        ]

    def forget_removed(self) -> None:
        """Let go of results whose image is gone, and of their maps in memory."""
        layers = self._viewer.layers
        for result in self._results:
            if result.image not in layers or result.labels not in layers:
                self._left += result.more_maps()
        self._results = [r for r in self._results if r.image in layers]

    def close_left(self) -> None:
        """Take away the maps of ``MORE_MAPS`` whose result was removed.

        Not while layers are being removed: who removes several counts on the others.
        """
        left, self._left = self._left, []
        remove_layers(self._viewer, left)

    def show_more(self, result: Result, built: Mapping[str, Layer]) -> None:
        """Put maps of ``MORE_MAPS`` under the labels of a result; they go with it.

        Parameters
        ----------
        result : Result
        built : mapping
            Layers by kind; the first is shown, the others are hidden like all maps.
        """
        result.close_more()
        for kind, layer in built.items():
            layer.visible = kind == next(iter(built))
            self._add(result, kind, layer)
        self._viewer.layers.selection.active = result.labels

    def _remove(self, layer: Layer) -> None:
        """Take a layer out of the viewer, if it is there."""
        remove_layers(self._viewer, [layer])

    def missing(self, image: Image, plane: str) -> tuple[str, ...]:
        """Kinds of layers that a new result of this plane has to add."""
        result = self.find(image, plane)
        present = {} if result is None else result.layers
        return tuple(kind for kind in LABEL_KINDS if kind not in present)

    def show(
        self,
        image: Image,
        plane: str,
        segmentation: Labelled,
        built: Mapping[str, Layer] | None = None,
        axes: Sequence[int] | None = None,
        seen: str | None = None,
    ) -> Iterator[str | None]:
        """Put a segmentation on show, one layer a step so the window stays alive.

        Parameters
        ----------
        image : napari.layers.Image
            Layer that was segmented.
        plane : str
            Title of its plane; empty for all planes.
        segmentation : Segmentation or StackSegmentation
            What to show. A stack may have no maps.
        built : mapping, optional
            Layers made beforehand, by kind; what is missing is made here.
        axes : sequence of int, optional
            Axes of the image that the layers have; by default y and x.
        seen : str, optional
            `print_of` the image when it was segmented; by default as it is now.

        Yields
        ------
        str or None
            After the last step, a sentence on what was kept, or can be brought back.
        """
        result = self.find(image, plane)
        run, kept, written = Run(segmentation), None, False
        built = dict(built or {})
        seen = seen or print_of(image)
        part = None
        if result is not None:
            result.close_more()
        if result is not None and result.seen == seen:
            # Labels of other pixels that the image had before do not stay.
            part = result.part_run(segmentation)
        if result is None:
            result = Result(image, plane, History(run), remove=self._remove)
            self._results.append(result)
        elif part is not None:
            kept, written = self._write_part(result, part), True
            built = {}
        elif result.is_edited():
            kept = self._set_aside(result)
        elif _can_be_undone(result.labels, segmentation):
            kept, written = self._write(result, run, own_labels(segmentation)), True
        if not written:
            result.history.begin(run)
        result.axes = axes
        result.seen = seen
        if not written:
            self._fill_labels(result, built.get("nuclei"))
        self._present(result)
        for kind in MAP_STYLE:
            if kind in result.segmentation.maps:
                yield None
                self._show_map(result, kind, built.get(kind))
                self._present(result)
        yield kept

    def relabel(
        self, result: Result, segmentation: Labelled, new_layer: bool = False
    ) -> str | None:
        """Show other labels of the same maps; gives the sentence about kept edits."""
        kept = None
        if new_layer and result.labels is not None:
            kept = self._set_aside(result)
        result.history.begin(result.history.run.relabelled(segmentation))
        self._fill_labels(result)
        self._present(result)
        return kept

    def _write_part(self, result: Result, run: Run) -> str:
        """Replace the labels in a region, as one step of undo."""
        part = there(run.part)
        data = np.asarray(there(result.labels).data)
        labels = there(part.region).renewed(data, part.labels, run.above)
        self._write(result, run, labels)
        return "Labels outside of the region stayed; undo brings back those inside."

    def _write(self, result: Result, run: Run, labels: np.ndarray) -> str:
        """Replace labels as one step of undo; gives the sentence about it."""
        layer = there(result.labels)
        before = np.array(layer.data)
        where = np.nonzero(before != labels)
        session = session_of(layer)
        if session is not None:
            session.renew(labels, run.found)
        elif len(where[0]):
            with layer.block_history():
                layer.data_setitem(where, labels[where])
        result.history.add(run, where, before, np.asarray(layer.data))
        describe_labels(layer, run.found, result.image.name)
        return "Undo brings back the labels before."

    def _set_aside(self, result: Result) -> str:
        """Hide a corrected layer and stop tracking it, so that nothing changes it."""
        layer = result.layers.pop("nuclei")
        hide(layer)
        result.set_aside.append(layer)
        return f"Your corrections are kept in '{layer.name}' (hidden)."

    def _fill_labels(self, result: Result, built: Layer | None = None) -> None:
        """Fill the Labels layer of a result, or add one on top."""
        if result.labels is not None:
            replace_labels(result.labels, result.segmentation, result.image.name)
            return
        self._add(result, "nuclei", built)
        layer = there(result.labels)
        _shown[plain(layer)] = result
        layer.events.set_data.connect(result.follow)

    def _present(self, result: Result) -> None:
        """Note which image the labels of a result are of, and select them."""
        tie(there(result.labels), result.image, result.seen)
        self._viewer.layers.selection.active = result.labels

    def _show_map(self, result: Result, kind: str, built: Layer | None) -> None:
        """Fill or add one map layer; all of them stay hidden under the labels."""
        layer = result.layers.get(kind)
        if layer is None:
            self._add(result, kind, built)
        else:
            fill_map(layer, result.segmentation, kind, result.image.name)

    def _add(self, result: Result, kind: str, built: Layer | None) -> None:
        """Add a layer of a result to the viewer, over its image."""
        layer = built if built is not None else build_layer(result.segmentation, kind)
        segmentation, image, plane = result.segmentation, result.image, result.plane
        place_layer(layer, segmentation, image, kind, plane, result.axes)
        result.layers[kind] = self._viewer.add_layer(layer)
        if kind != "nuclei" and result.labels is not None:
            layers = self._viewer.layers
            layers.move(layers.index(result.layers[kind]), layers.index(result.labels))
        keep_to_plane(self._viewer, layer, image, plane)


def fill_map(layer: Layer, segmentation: Labelled, kind: str, image_name: str) -> None:
    """Give a map layer other values."""
    layer.data = np.asarray(segmentation.maps[kind], dtype=np.float32)
    made = result_metadata(segmentation, image_name)
    layer.metadata = {**layer.metadata, **made}


def _can_be_undone(layer: Labels | None, found: Labelled) -> bool:
    """Tell whether a new run can replace labels as a step of undo.

    Under review it cannot: what is proposed there comes of the run.
    """
    if layer is None or session_of(layer) is not None:
        return False
    return layer.data.shape == found.labels.shape and found.labels.size <= UNDOABLE
