"""Any image in, the network's three planes in [0, 1] out."""

from __future__ import annotations

import numpy as np

from napari_pmrnet.errors import ImageError
from napari_pmrnet.segmentation.intensity import intensity_limits, normalise
from napari_pmrnet.segmentation.noise import (
    noise_level,
    smooth,
    smoothing_for,
    with_rim,
)


def prepare(
    image: np.ndarray,
    *,
    channel: int | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    name: str = "image",
) -> np.ndarray:
    """Bring an image into the form the network sees.

    Parameters
    ----------
    image : array-like
        (H, W) grey, (H, W, 3) or (H, W, 4) colour, or a stack of channels with
        `channel_axis`. Any real dtype in either byte order, bright or dark background.
    channel : int, optional
        Channel to use, from 0. By default all of a colour image, the first of a stack
        of channels.
    channel_axis : int, optional
        Axis of a stack of channels.
    rgb : bool, optional
        Whether the last axis holds colours. By default a third axis of length 3 or 4
        at the end does, unless `channel_axis` is given.
    name : str
        Name of the layer or file, for error messages.

    Returns
    -------
    ndarray of float32, shape (3, H, W)
        Between 0 and 1; grey images have three equal planes. Noisy images are smoothed,
        see `smoothing_for`.

    Raises
    ------
    ImageError
        If the image is empty, constant, not finite, not numeric or has axes that were
        not named.
    """
    plane = choose_plane(
        np.asarray(image),
        channel=channel,
        channel_axis=channel_axis,
        rgb=rgb,
        name=name,
    )
    return PreparedPlane(plane, name).whole()


class PreparedPlane:
    """What the network sees of a plane, made only where it is asked for.

    Parameters
    ----------
    plane : ndarray, shape (H, W) or (H, W, 3)
        Of `choose_plane`.
    name : str
        Of the layer or file, for error messages.

    Attributes
    ----------
    noise : float
        Of `noise_level`.
    smoothing : float
        Of `smoothing_for`, in pixels.

    Raises
    ------
    ImageError
        If the plane is empty, constant or not numeric, and later where it holds NaN.
    """

    def __init__(self, plane: np.ndarray, name: str) -> None:
        check_values(plane[:1, :1] if plane.size else plane, name)
        self.shape = (3, *plane.shape[:2])
        self._plane, self._name = plane, name
        self._limits = intensity_limits(plane, name=name)
        self.noise = noise_level(
            plane.shape[:2], lambda box: normalise(plane[box], self._limits)
        )
        self.smoothing = smoothing_for(self.noise)

    def __getitem__(self, where: tuple[slice, slice, slice]) -> np.ndarray:
        """Float32 (3, h, w) of some rows and columns."""
        planes, *box = where
        read, kept = tuple(box), (slice(None), slice(None))
        if self.smoothing:
            read, kept = with_rim(read, self.shape[1:], self.smoothing)
        part = self._plane[read]
        check_values(part, self._name)
        return as_planes(part, self._limits, self.smoothing)[planes, *kept]

    def whole(self) -> np.ndarray:
        """All of it, contiguous."""
        everything = slice(None)
        return np.ascontiguousarray(self[everything, everything, everything])


def as_planes(
    plane: np.ndarray, limits: tuple[float, float], smoothing: float = 0.0
) -> np.ndarray:
    """What the network sees of a plane with intensity limits that are known.

    Parameters
    ----------
    plane : ndarray, shape (H, W) or (H, W, 3)
    limits : tuple of float
        Of `intensity_limits`.
    smoothing : float
        Of `smoothing_for`, in pixels.

    Returns
    -------
    ndarray of float32, shape (3, H, W)
        Of a grey plane one and the same plane three times, not to be written to.
    """
    scaled = smooth(normalise(plane, limits), smoothing)
    planes = scaled[None] if scaled.ndim == 2 else np.moveaxis(scaled, 2, 0)
    return np.broadcast_to(planes, (3, *planes.shape[1:]))


def _looks_rgb(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[-1] in (3, 4)


def choose_plane(
    image: np.ndarray,
    *,
    channel: int | None = None,
    channel_axis: int | None = None,
    rgb: bool | None = None,
    name: str = "image",
) -> np.ndarray:
    """The part of an image that is segmented; the parameters are those of `prepare`.

    Returns
    -------
    ndarray
        A view: one plane (H, W), or three colours (H, W, 3).

    Raises
    ------
    ImageError
        If the image has no such channel or axes that were not named.
    """
    if channel_axis is not None:
        if not -image.ndim <= channel_axis < image.ndim:
            raise ImageError(
                f"'{name}' has {image.ndim} axes: channel axis {channel_axis} is not "
                "one of them."
            )
        plane = np.moveaxis(image, channel_axis, -1)
        plane = _pick(plane, channel or 0, name)
    elif rgb or (rgb is None and _looks_rgb(image.shape)):
        plane = image[..., :3]
        if plane.shape[-1] != 3:
            raise ImageError(
                f"'{name}' is marked as colour but its last axis has "
                f"{plane.shape[-1]} entries, not 3 or 4."
            )
        if channel is not None:
            plane = _pick(plane, channel, name)
    else:
        plane = image
    colour = plane is not image and plane.ndim == 3 and channel_axis is None
    if plane.ndim != (3 if colour else 2):
        raise ImageError(
            f"'{name}' has shape {image.shape}: which axes are channels, time or depth "
            "is not known. Choose one plane, or name the channel axis."
        )
    return plane


def _pick(planes: np.ndarray, channel: int, name: str) -> np.ndarray:
    """One channel of the last axis."""
    count = planes.shape[-1]
    if not 0 <= channel < count:
        raise ImageError(
            f"'{name}' has {count} channels, numbered 0 to {count - 1}: there is no "
            f"channel {channel}. Choose another one."
        )
    return planes[..., channel]


def check_values(plane: np.ndarray, name: str) -> None:
    """Refuse what has no intensities to scale, by an `ImageError`."""
    if plane.size == 0:
        raise ImageError(f"'{name}' is empty (shape {plane.shape}). Choose another.")
    if plane.dtype.kind not in "biuf":
        raise ImageError(
            f"'{name}' has values of type {plane.dtype}. Convert it to whole or "
            "floating-point numbers first."
        )
    if plane.dtype.kind == "f" and not np.isfinite(plane).all():
        raise ImageError(
            f"'{name}' holds NaN or infinite values. Replace them first, for example "
            "with numpy.nan_to_num."
        )
