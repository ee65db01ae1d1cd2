"""Image files as arrays that know their axes, pixel size, units and channels."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from napari_pmrnet.errors import DataError
from napari_pmrnet.io.calibration import (
    Calibration,
    imagej_calibration,
    ome_calibrations,
    plain_calibration,
)
from napari_pmrnet.io.chunks import absent_notes, lazy_array, unreadable_notes
from napari_pmrnet.io.formats import (
    IMAGES,
    MICROSCOPE,
    READABLE_ENDINGS,
    Format,
    image_name,
    layer_stem,
)
from napari_pmrnet.io.label_numbers import as_whole
from napari_pmrnet.io.memory import check_room
from napari_pmrnet.io.microscope import intact, microscope_scenes, open_scenes
from napari_pmrnet.io.ome_plate import name_in_zarr
from napari_pmrnet.io.ome_set import OwnImage, PageArray, own_images
from napari_pmrnet.io.ome_zarr import (
    import_zarr,
    is_zarr,
    open_ome_zarr,
    readable,
    zarr_scenes,
)
from napari_pmrnet.io.pictures import read_picture
from napari_pmrnet.io.provenance import (
    METADATA_KEY,
    Provenance,
    Tag,
    read_label_tag,
)
from napari_pmrnet.io.scenes import chosen, distinct_names, series_names
from napari_pmrnet.io.space import MOST_CHANNELS_LAST, Space, has_channels_last
from napari_pmrnet.io.tiff import (
    LIBRARIES,
    absent_pieces,
    as_shown,
    colours_of,
    has_grey_alpha,
    labels_said,
    native_order,
    open_tiff,
    read_pages,
)

if TYPE_CHECKING:
    import dask.array as da

_COLOUR = {tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR}
_IMAGEJ_COUNTS = {"t": "frames", "z": "slices", "c": "channels"}
# Other kinds hold thumbnails and overview pictures beside the image proper.
_KINDS_WITH_SERIES = {"ome", "generic", "uniform", "shaped"}


@dataclass(frozen=True, eq=False)
class ImageData:
    """One image, or one label image, of a file.

    Attributes
    ----------
    data : numpy.ndarray or dask.array.Array
        The pixels, in native byte order where they are in memory. y and x are the last
        axes, followed only by the samples of an RGB(A) image.
    name : str
        File name without its ending, with the name of the series where there are more.
    space : Space
        Lower-case letters, steps and units of the axes of `data`, without the channel
        axis and without the samples of an RGB(A) image; one pixel where unknown.
    channel_axis : int or None
        Axis of `data` that holds the channels.
    rgb : bool
        Whether the last axis of `data` holds the samples of a colour.
    is_labels : bool
        Whether this is a label image that this project wrote.
    metadata : dict
        ``channel_names`` where known; ``napari_pmrnet`` for label images, with the
        settings and the weights' hash that made them.
    coarser : tuple of dask.array.Array
        Smaller copies of `data` in a pyramid that was opened lazily.
    notes : tuple of str
        What the user should know, such as chunks that are not stored.
    """

    data: np.ndarray | da.Array
    name: str
    space: Space
    channel_axis: int | None = None
    rgb: bool = False
    is_labels: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)
    coarser: tuple[np.ndarray | da.Array, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def layer_names(self) -> list[str]:
        """Names of its layers, one a channel, with its name or number."""
        if self.channel_axis is None:
            return [self.name]
        count = int(self.data.shape[self.channel_axis])
        names = self.metadata.get("channel_names", ())
        if len(names) != count:
            names = [f"channel {i}" for i in range(count)]
        return [f"{self.name} {name}" for name in names]

    @property
    def layer_stems(self) -> list[str]:
        """Names of what a dock exports of its layers, one a channel."""
        return [layer_stem(name) for name in self.layer_names]


def read_image(
    path: str | Path, *, masked: bool = False, scene: int | None = None
) -> list[ImageData]:
    """Read every image of a TIFF, PNG, JPEG or microscope's file, or OME-Zarr folder.

    Parameters
    ----------
    path : str or Path
        ImageJ, OME or plain TIFF, PNG, JPEG, OME-Zarr, or one of the `MICROSCOPE`
        formats. Of a pyramid the finest level is read; of a file that is one of a set,
        what lies in that file.
    masked : bool
        Mask chunks of TIFF and OME-Zarr that cannot be read, and count them in a note,
        rather than refuse the image.
    scene : int, optional
        The place of the one image that is read among `scene_names`; by default all.

    Returns
    -------
    list of ImageData
        One entry a series; one alone for most files. Axes of length one are dropped.

    Raises
    ------
    TooLargeError
        If it unpacks to more than the free memory; `open_image` may open it.
    DataError
        If the file is missing, damaged or of another kind.
    SoftwareError
        If a library that reads it is missing or does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import tifffile
    >>> pixels = np.zeros((2, 64, 48), np.uint16)
    >>> tifffile.imwrite("cells.tif", pixels, imagej=True, metadata={"axes": "CYX"})
    >>> (image,) = read_image("cells.tif")
    >>> image.data.shape, image.channel_axis, image.space.axes
    ((2, 64, 48), 0, ('y', 'x'))
    """
    path = Path(path)
    kind = Format.of(path)
    if masked and (kind is Format.TIFF or is_zarr(path)):
        opened = open_image(path, masked=True, scene=scene)
        return [loaded(image, path) for image in opened]
    if kind is Format.TIFF:
        return _read_tiff(path, scene=scene)
    if kind in IMAGES:
        return chosen([_read_picture(path)], scene, path)
    if is_zarr(path) or kind in MICROSCOPE:
        return [loaded(image, path) for image in open_image(path, scene=scene)]
    if not os.path.lexists(path):
        raise DataError(f"{path}: there is no such file or folder.")
    raise DataError(
        f"{path}: files ending in '{path.suffix}' cannot be read. Convert it to one of "
        f"{', '.join(READABLE_ENDINGS)}."
    )


def open_image(
    path: str | Path, *, masked: bool = False, scene: int | None = None
) -> list[ImageData]:
    """Open every image of a file, reading pixels only where they are asked for.

    Parameters
    ----------
    path : str or Path
        As for `read_image`. PNG and JPEG files are read, and so are label TIFFs of
        this project.
    masked : bool
        As for `read_image`; all pixels are then read once to count such chunks.
    scene : int, optional
        As for `read_image`.

    Returns
    -------
    list of ImageData
        With Dask arrays; a pyramid's smaller copies are ``coarser``.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another kind.
    SoftwareError
        If a library that reads it, such as zarr, is missing or does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import tifffile
    >>> tifffile.imwrite("cells.tif", np.zeros((6000, 4000), np.uint8))
    >>> (image,) = open_image("cells.tif")
    >>> corner = image.data[:100, :100].compute()
    >>> image.data.shape, corner.shape
    ((6000, 4000), (100, 100))
    """
    path = Path(path)
    if is_zarr(path):
        return list(_open_zarr(path, masked, scene))
    if Format.of(path) is Format.TIFF:
        return _read_tiff(path, lazy=True, masked=masked, scene=scene)
    if Format.of(path) in MICROSCOPE:
        return _open_scenes(path, scene)
    return read_image(path, scene=scene)


def scene_names(path: str | Path) -> list[str]:
    """Names of the images of a file (scenes, positions, series), without their pixels.

    Parameters
    ----------
    path : str or Path
        As for `read_image`.

    Returns
    -------
    list of str
        In the order of `read_image`. Of several images no two names are alike, whatever
        the case of letters: one without a name of its own is called by its number, from
        0, and a name that comes again gets it. A single image may have no name.

    Raises
    ------
    DataError
        If the file is missing, damaged or of another kind.
    SoftwareError
        If a library that reads it is missing or does not fit.
    """
    path = Path(path)
    kind = Format.of(path)
    if is_zarr(path):
        return zarr_scenes(path)
    if kind in MICROSCOPE:
        return distinct_names(microscope_scenes(path))
    if kind is not Format.TIFF:
        return [""]
    with open_tiff(path) as tiff:
        if read_label_tag(tiff.pages.first.description) is not None:
            return [""]
        own = own_images(tiff, path)
        images = _series(tiff) if own is None else own
        return distinct_names([one.name for one in images])


def _open_zarr(path: Path, masked: bool, scene: int | None) -> Iterator[ImageData]:
    """Images of an OME-Zarr folder, lazily, named also after one around it."""
    own, told = image_name(path), name_in_zarr(path)
    for image in open_ome_zarr(path, masked, scene):
        name = f"{told}{image.name.removeprefix(own)}"
        found = _oriented(image.levels, image.letters, image.calibration, name)
        yield replace(found, notes=image.notes)


def _open_scenes(path: Path, scene: int | None) -> list[ImageData]:
    """Scenes of a microscope's file, lazily."""
    return [
        _oriented([one.data], one.letters, one.calibration, one.name, one.rgb)
        for one in open_scenes(path, scene)
    ]


def loaded(image: ImageData, path: Path) -> ImageData:
    """Read an image that `open_image` opened.

    Parameters
    ----------
    image : ImageData
    path : Path
        Of its file, for messages.

    Raises
    ------
    TooLargeError
        If it is larger than the free memory.
    DataError
        If it is damaged.
    """
    pixels = math.prod(map(int, image.data.shape))
    check_room(path, pixels * image.data.dtype.itemsize)
    with intact(path) if Format.of(path) in MICROSCOPE else readable(path):
        data: Any = image.data
        data = data.compute() if hasattr(data, "compute") else data
        if not isinstance(data, np.ma.MaskedArray):
            data = np.ascontiguousarray(data)
    return replace(image, data=native_order(data), coarser=())


def _read_picture(path: Path) -> ImageData:
    """A PNG or JPEG, whose resolution is a printer's and therefore ignored."""
    data = read_picture(path)
    space = Space.of_plane((1.0, 1.0))
    return ImageData(data, image_name(path), space, rgb=data.ndim == 3)


def _read_tiff(
    path: Path, lazy: bool = False, masked: bool = False, scene: int | None = None
) -> list[ImageData]:
    """Series of a TIFF, or the label image it is."""
    zarr = import_zarr(path) if lazy else None
    with open_tiff(path) as tiff:
        tag = read_label_tag(tiff.pages.first.description)
        if tag is not None:
            whole = _own_labels(tiff, path, tag, image_name(path))
            return chosen([whole], scene, path)
        own = own_images(tiff, path)
        if own is not None:
            names = series_names([one.name for one in own], image_name(path))
            named = list(zip(own, names, strict=True))
            return [
                _from_set(tiff, path, one, name, lazy)
                for one, name in chosen(named, scene, path)
            ]
        _refuse_cut_stack(tiff, path)
        said = labels_said(tiff)
        series = _series(tiff)
        calibrations = _calibrations(tiff, len(series))
        names = series_names([one.name for one in series], image_name(path))
        every = list(enumerate(zip(series, calibrations, names, strict=True)))
        images = [
            _from_series(
                one,
                _pixels(one, path, number, zarr, masked),
                calibration,
                name,
                tiff.is_imagej,
                masked,
            )
            for number, (one, calibration, name) in chosen(every, scene, path)
        ]
        return images if said is None else [_as_labels(i, said) for i in images]


def _series(tiff: tifffile.TiffFile) -> list[tifffile.TiffPageSeries]:
    """Series of a TIFF that are images of their own."""
    every = tiff.series
    return every if every[0].kind in _KINDS_WITH_SERIES else every[:1]


def _pixels(
    series: tifffile.TiffPageSeries, path: Path, number: int, zarr: Any, masked: bool
) -> list[np.ndarray] | list[da.Array]:
    """The finest level of a series, or with the package zarr all, lazily."""
    if zarr is None:
        return [read_pages(series.levels[0], path)]
    stores = (
        tifffile.imread(path, aszarr=True, series=number, level=level, _multifile=False)
        for level in range(len(series.levels))
    )
    opened = (zarr.open_array(store, mode="r") for store in stores)
    return [lazy_array(array, path, LIBRARIES, masked) for array in opened]


def _from_set(
    tiff: tifffile.TiffFile, path: Path, own: OwnImage, name: str, lazy: bool
) -> ImageData:
    """An image, or the part of one, that lies in a file of a set."""
    page = tiff.pages[int(own.pages.flat[0])].aspage()
    pixels = PageArray(path, own.pages, page)
    letters = own.letters + page.axes.lower()
    data = pixels.lazy() if lazy else pixels.whole()
    found = _shown([data], page, letters, own.calibration, name, False)
    return replace(found, notes=own.notes)


def _refuse_cut_stack(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse an ImageJ stack with planes missing, of which tifffile reads the rest."""
    if not tiff.is_imagej or tiff.series[0].kind not in {"generic", "uniform"}:
        return
    planes = (tiff.imagej_metadata or {}).get("images", 1)
    if planes > 1:
        raise DataError(
            f"{path}: damaged or cut short, it does not hold the {planes} planes it "
            "names. Copy it again from its source."
        )


def _calibrations(tiff: tifffile.TiffFile, count: int) -> list[Calibration]:
    """One calibration a series."""
    page = tiff.pages.first
    if tiff.is_ome and tiff.ome_metadata:
        found = ome_calibrations(tiff.ome_metadata)
        return found if len(found) == count else [Calibration()] * count
    if tiff.is_imagej and tiff.imagej_metadata:
        return [imagej_calibration(page, tiff.imagej_metadata)] * count
    return [plain_calibration(page)] * count


def _own_labels(tiff: tifffile.TiffFile, path: Path, tag: Tag, name: str) -> ImageData:
    """A label image of ours; its axes of length one, which ImageJ drops, restored."""
    data = read_pages(tiff.series[0], path)
    about = tiff.imagej_metadata or {}
    lengths = {axis: int(about.get(key, 1)) for axis, key in _IMAGEJ_COUNTS.items()}
    page = tiff.pages.first
    lengths["y"], lengths["x"] = page.imagelength, page.imagewidth
    shape = tuple(lengths[axis] for axis in tag.space.axes)
    if math.prod(shape) != data.size:
        raise DataError(
            f"{path}: damaged or cut short, it holds {data.shape} labels and names "
            f"{shape}. Copy it again from its source."
        )
    return ImageData(
        data.reshape(shape),
        name,
        tag.space,
        is_labels=True,
        metadata={METADATA_KEY: tag.provenance.as_dict()},
    )


def _as_labels(image: ImageData, said: Provenance) -> ImageData:
    """Labels of ours that Fiji has saved anew; an image if it made one of them.

    Fiji has no 32-bit whole numbers and makes them floating-point ones.
    """
    data, axes = image.data, image.space.axes
    if image.rgb or image.channel_axis is not None or "q" in axes:
        return image
    if isinstance(data, np.ndarray):
        data = as_whole(data)
    if data.dtype.kind not in "iu":
        return image
    about = {METADATA_KEY: said.as_dict()}
    return replace(image, data=np.asarray(data), is_labels=True, metadata=about)


def _from_series(
    series: tifffile.TiffPageSeries,
    levels: Sequence[np.ndarray | da.Array],
    calibration: Calibration,
    name: str,
    imagej: bool,
    masked: bool,
) -> ImageData:
    """One series of a TIFF as an image."""
    finest = series.levels[0]
    letters, page = finest.axes.lower(), finest.keyframe
    absent = (0, 0) if finest.dataoffset is not None else absent_pieces(finest.pages)
    found = _shown(levels, page, letters, calibration, name, imagej)
    lost = unreadable_notes(levels[0]) if masked else ()
    return replace(found, notes=(*absent_notes(*absent), *lost))


def _shown(
    levels: Sequence[np.ndarray | da.Array],
    page: tifffile.TiffPage,
    letters: str,
    calibration: Calibration,
    name: str,
    imagej: bool,
) -> ImageData:
    """Arrays of pages that are all like one, as an image that looks as in Fiji."""
    if has_grey_alpha(page) and "s" in letters:
        axis = letters.index("s")
        levels = [level[(slice(None),) * axis + (0,)] for level in levels]
        letters = letters.replace("s", "")
    # A palette of a file with channels is the look-up table that they are shown by.
    channels = "c" in letters and levels[0].shape[letters.index("c")] > 1
    intensities = imagej or channels
    coloured = colours_of(page, intensities) is not None
    levels = [as_shown(level, page, intensities) for level in levels]
    letters = letters if "s" in letters or not coloured else f"{letters}s"
    rgb = coloured or _is_colour(page, letters, levels[0].shape)
    return _oriented(levels, letters, calibration, name, rgb)


def _oriented(
    levels: Sequence[np.ndarray | da.Array],
    letters: str,
    calibration: Calibration,
    name: str,
    rgb: bool = False,
) -> ImageData:
    """Arrays as an image with y and x last and channels told apart."""
    shape = tuple(map(int, levels[0].shape))
    unnamed = set(letters) - {"y", "x"} <= set("qi") and not rgb
    if unnamed and has_channels_last(shape, MOST_CHANNELS_LAST):
        letters = f"{letters[:-3]}yxc"
    elif not rgb and "c" not in letters:
        letters = letters.replace("s", "c")
    single = tuple(
        axis for axis, n in enumerate(shape) if n == 1 and letters[axis] not in "yxs"
    )
    kept = tuple(0 if axis in single else slice(None) for axis in range(len(letters)))
    levels = [level[kept] for level in levels]
    letters = "".join(a for i, a in enumerate(letters) if i not in single)
    last = "yxs" if rgb else "yx"
    order = [i for i, letter in enumerate(letters) if letter not in last]
    order += [letters.index(letter) for letter in last]
    letters = "".join(letters[i] for i in order)
    channel_axis = letters.index("c") if "c" in letters else None
    axes = tuple(letter for letter in letters if letter != "c")[: -1 if rgb else None]
    names = calibration.channel_names
    data, *coarser = (level.transpose(order) for level in levels)
    return ImageData(
        np.ascontiguousarray(data) if isinstance(data, np.ndarray) else data,
        name,
        calibration.space(axes),
        channel_axis,
        rgb,
        metadata={"channel_names": names} if names else {},
        coarser=tuple(coarser),
    )


def _is_colour(page: tifffile.TiffPage, letters: str, shape: tuple[int, ...]) -> bool:
    """Tell whether the samples of a pixel are red, green, blue and perhaps alpha."""
    if "s" not in letters or page.photometric not in _COLOUR:
        return False
    return shape[letters.index("s")] in {3, 4}
