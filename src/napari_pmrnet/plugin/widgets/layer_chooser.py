"""The one way to choose a layer: magicgui's combo box, kept in step with a viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox

from napari_pmrnet.plugin.qt import Signal
from napari_pmrnet.plugin.widgets.fields import Field, narrow

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

Choices = Sequence[tuple[Any, str]]


class LayerChooser(Field):
    """Chooses one of the layers of a viewer, under their present names.

    ``changed`` tells of every change of the choice, ``activated`` of those by the user,
    ``listed`` of every change of what is on offer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
    kind : type of napari.layers.Layer
        Kind of layers that are offered.
    accepts : callable, optional
        Whether a layer of that kind is offered.
    label : str
        Text of a choice, with ``{}`` for the name.
    topmost_first : bool
        In the order of the layer list as it is seen, instead of its order in memory.
    nothing : str
        What is shown while there is no layer; by default nothing.
    """

    activated = Signal()
    listed = Signal()

    def __init__(
        self,
        viewer: ViewerModel,
        kind: type[Layer],
        accepts: Callable[[Any], bool] = lambda layer: True,
        label: str = "{}",
        topmost_first: bool = False,
        nothing: str = "",
    ) -> None:
        super().__init__()
        self._viewer, self._kind, self._accepts = viewer, kind, accepts
        self._label, self._topmost_first = label, topmost_first
        self._nothing = nothing
        self._fixed: Choices = ()
        self._box = ComboBox(annotation=kind, choices=self._choices)
        self.combo = narrow(self._box.native)
        self.setFocusProxy(self.combo)
        self.row.addWidget(self.combo, 1)
        self.combo.currentIndexChanged.connect(self.changed)
        self.combo.activated.connect(self.activated)
        events = viewer.layers.events
        self._events = events.inserted, events.removed, events.reordered
        for event in self._events:
            event.connect(self.refresh)
        self.refresh()

    def value(self) -> Any:
        """The layer that is chosen; None if there is none."""
        return self.combo.currentData()

    def set_value(self, value: Any) -> None:
        """Choose a layer; one that is not on offer leaves all as it is."""
        if value in self._box.choices:
            self._box.value = value

    def layers(self) -> list[Any]:
        """The layers on offer, in the order of the layer list."""
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, self._kind) and self._accepts(layer)
        ]

    def proposed(self) -> Any:
        """The active layer of the viewer if it is on offer, else the topmost."""
        layers, active = self.layers(), self._viewer.layers.selection.active
        return active if active in layers else next(reversed(layers), None)

    def set_fixed(self, fixed: Choices) -> None:
        """Offer other values before the layers, each with its label."""
        self._fixed = fixed
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Offer the layers that are there now; the one chosen stays chosen."""
        for layer in self._viewer.layers:
            layer.events.name.connect(self.refresh)
        before = self.value()
        blocked = self.combo.blockSignals(True)
        # magicgui keeps the places of old choices and goes by their names.
        self.combo.clear()
        self._box.reset_choices()
        self.set_value(before)
        self.combo.blockSignals(blocked)
        if self.value() != before:
            self.changed.emit()
        self.listed.emit()

    def release(self) -> None:
        """Stop following the viewer."""
        for event in self._events:
            event.disconnect(self.refresh)
        for layer in self._viewer.layers:
            layer.events.name.disconnect(self.refresh)

    def _choices(self, box: Any) -> list[tuple[str, Any]]:
        """Texts and values for magicgui, which takes equal texts for one choice."""
        layers = self.layers()
        if self._topmost_first:
            layers.reverse()
        choices = {text: value for value, text in self._fixed}
        for layer in layers:
            text = self._label.format(layer.name)
            while text in choices:
                text += " "
            choices[text] = layer
        if not choices and self._nothing:
            choices[self._nothing] = None
        return list(choices.items())
