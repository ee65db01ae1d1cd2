"""Place of the pixels of an array: its axes, how far apart pixels are, and where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from napari_pmrnet.io.units import MICROMETRES, PIXEL, canonical_unit

TIME = frozenset({"t", "time", "frame", "frames"})
DEPTH = frozenset({"z", "depth", "slice", "slices"})
"""Names of axes, in lower case."""

MOST_CHANNELS_LAST = 16
"""Length up to which the last of unnamed axes of a file is taken for channels."""


@dataclass(frozen=True)
class Space:
    """Axes of an array, the step from pixel to pixel along each, and where they begin.

    What is empty is not known; without a translation an array begins at the origin.

    Attributes
    ----------
    axes : tuple of str
        Name of each axis, e.g. ``("t", "y", "x")``; `of` makes them `distinct`.
    scale : tuple of float
        Step along each axis, in `units`; negative along an axis that is mirrored.
    units : tuple of str
        Unit of each axis, e.g. ``"um"``; ``"pixel"`` where unknown.
    translate : tuple of float
        Place of the middle of the first pixel along each axis, in `units`; empty at
        the origin.
    """

    axes: tuple[str, ...] = ()
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()

    @classmethod
    def of(
        cls,
        axes: Iterable[object] | None = None,
        scale: Iterable[float] | None = None,
        units: Iterable[object] | None = None,
        translate: Iterable[float] | None = None,
    ) -> Space:
        """Make a space of what a layer or a file says, such as arrays and units."""
        place = () if translate is None else tuple(map(float, translate))
        return cls(
            () if axes is None else distinct(map(str, axes)),
            () if scale is None else tuple(map(float, scale)),
            () if units is None else tuple(map(str, units)),
            place if any(place) else (),
        )

    @classmethod
    def of_plane(cls, pixel_size: Iterable[float], unit: str = PIXEL) -> Space:
        """Make the space of a y-x plane of its (height, width) of a pixel."""
        return cls.of("yx", pixel_size, (unit, unit))

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Height and width of a pixel, also of a mirrored one; 1 where unknown."""
        height, width = self.scale[-2:] or (1.0, 1.0)
        return abs(height), abs(width)

    @property
    def unit(self) -> str:
        """Unit of the last axis, which is that of `pixel_size`."""
        return self.units[-1] if self.units else PIXEL

    def of_axes(self, axes: Sequence[int]) -> Space:
        """The space of some of the axes, in their order; what is not known stays so."""
        return Space(
            tuple(self.axes[i] for i in axes if self.axes),
            tuple(self.scale[i] for i in axes if self.scale),
            tuple(self.units[i] for i in axes if self.units),
            tuple(self.translate[i] for i in axes if self.translate),
        )

    def in_one_unit(self) -> Space:
        """The same with the height of a pixel in the unit of its width.

        Units that are no lengths, or of which one is not known, stay as they are.
        """
        if len(self.units) < 2:
            return self
        of_y, of_x = (MICROMETRES.get(canonical_unit(u)) for u in self.units[-2:])
        if self.units[-2] == self.units[-1] or not of_y or not of_x:
            return self
        factor, parts = of_y / of_x, {}
        for name in ("scale", "translate"):
            values = getattr(self, name)
            if values:
                parts[name] = (*values[:-2], values[-2] * factor, values[-1])
        units = (*self.units[:-2], self.units[-1], self.units[-1])
        return replace(self, units=units, **parts)

    def filled(self, ndim: int) -> Space:
        """Return the same with steps of one pixel where they are not known."""
        scale, units = self.scale or (1.0,) * ndim, self.units or (PIXEL,) * ndim
        return replace(self, scale=scale, units=units)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Make names of axes differ, since tables have a column for each.

    Examples
    --------
    >>> distinct(["q", "q", "y", "x"])
    ('q', 'q2', 'y', 'x')
    """
    found: dict[str, None] = {}
    for name in names:
        other, number = name, 1
        while other in found:
            number += 1
            other = f"{name}{number}"
        found[other] = None
    return tuple(found)


def has_channels_last(shape: tuple[int, ...], most: int = 2) -> bool:
    """Tell whether the last three axes are y, x and channels, not many tiny planes.

    Parameters
    ----------
    shape : tuple of int
    most : int
        Channels that there are at most.
    """
    if len(shape) < 3:
        return False
    count = shape[-1]
    return 2 <= count <= most and min(shape[-3:-1]) > 2 * count
