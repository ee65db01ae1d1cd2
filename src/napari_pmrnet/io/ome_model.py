"""Metadata of OME-Zarr as models of the package yaozarrs, to read and to write.

The models are those of format 0.5. What is read is brought into their form first: older
formats name less, and other programs leave out what is for display only.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_pmrnet._software import bring
from napari_pmrnet.io.space import Space
from napari_pmrnet.io.units import OME_UNITS

if TYPE_CHECKING:
    from yaozarrs.v05 import Image, PlateDef, WellDef

Attributes = Mapping[str, Any]
_KNOWN = re.compile(r"0\.[1-5](?!\d)")
_BEFORE_AXES_WERE_NAMED = "tczyx"
_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_RANKS = {"time": 0, "space": 2}
"""The order of axes by their type; all others lie between these two."""
_SHOWN = {"color": "FFFFFF", "window": dict.fromkeys(("min", "start", "end", "max"), 0)}
"""What a channel must have beside its name."""
# Names of groups that other programs find hard, and units that they may not know.
warnings.filterwarnings("ignore", "The name '.* contains potentially risky characters")
warnings.filterwarnings("ignore", "The FieldOfView.path ")
warnings.filterwarnings("ignore", "Warning: (Space|Time) axis unit ")


def check_models(path: str | Path) -> None:
    """Make sure of the package yaozarrs, for a path that needs it.

    Raises
    ------
    SoftwareError
        If it is not installed, of a version that is not needed, or does not load.
    """
    bring("yaozarrs", "zarr", f"{path}: OME-Zarr", str(path))


def about_of(attributes: Attributes) -> Attributes:
    """What attributes of a group say; format 0.5 keeps it under ``ome``."""
    about = attributes.get("ome", attributes)
    return about if isinstance(about, Mapping) else {}


def image_of(about: Attributes, axes: Sequence[Attributes]) -> Image:
    """The first image of a group, with its axes in the order time, channel, space.

    Parameters
    ----------
    about : mapping
        Of `about_of`, with ``multiscales``.
    axes : sequence of mapping
        Of `axes_in_file`.

    Returns
    -------
    yaozarrs.v05.Image
        A `LabelImage` if it says so. Levels all have the transformations of the finest.

    Raises
    ------
    ValueError
        If the metadata is against the format; says where.
    """
    from yaozarrs import v05

    image = about["multiscales"][0]
    levels = image["datasets"]
    order = sorted(range(len(axes)), key=lambda i: _rank(axes[i]))
    finest = _transforms(levels[0].get("coordinateTransformations"), order)
    whole = image.get("coordinateTransformations")
    told = {
        "axes": [axes[i] for i in order],
        "datasets": [
            {"path": level["path"], "coordinateTransformations": finest}
            for level in levels
        ],
        "coordinateTransformations": _transforms(whole, order) if whole else None,
    }
    values: dict[str, Any] = {"multiscales": [told]}
    channels = (about.get("omero") or {}).get("channels") or ()
    names = [{**_SHOWN, "label": str(one.get("label") or "")} for one in channels]
    values["omero"] = {"channels": names}
    if "image-label" in about:
        return _checked(v05.LabelImage, {**values, "image-label": {}})
    return _checked(v05.Image, values)


def axes_in_file(
    about: Attributes, count: Callable[[str], int]
) -> list[dict[str, Any]]:
    """Axes in the order of the arrays, with a type by their name if by nothing else.

    Parameters
    ----------
    about : mapping
        Of `about_of`, with ``multiscales``.
    count : callable
        Gives the number of axes of an array by its path; asked where none are named.

    Raises
    ------
    ValueError
        If the metadata is of a version that is not known.
    """
    image = _of_known_version(about, about["multiscales"][0])
    axes = image.get("axes")
    if not axes:
        axes = _BEFORE_AXES_WERE_NAMED[-count(image["datasets"][0]["path"]) :]
    return [_axis(axis) for axis in axes]


def plate_of(about: Attributes) -> PlateDef:
    """The rows, columns and wells of a plate.

    Raises
    ------
    ValueError
        As `image_of` and `axes_in_file`.
    """
    from yaozarrs import v05

    plate = _of_known_version(about, about["plate"])
    rows, columns = plate.get("rows", ()), plate.get("columns", ())
    wells = [_with_place(well, rows, columns) for well in plate.get("wells", ())]
    return _checked(v05.PlateDef, {"rows": rows, "columns": columns, "wells": wells})


def well_of(about: Attributes) -> WellDef:
    """The images of a well.

    Raises
    ------
    ValueError
        As `plate_of`.
    """
    from yaozarrs import v05

    well = _of_known_version(about, about["well"])
    return _checked(v05.WellDef, {"images": well.get("images", ())})


def image_attributes(name: str, level: str, space: Space) -> dict[str, Any]:
    """Attributes of a group of format 0.4 that holds an image of one level.

    Parameters
    ----------
    name : str
        Of the image.
    level : str
        Path of its array in the group.
    space : Space
        Of the array: letters of the axes, steps, units by their usual names, and place.
    """
    from yaozarrs import v04

    image = {"multiscales": [_multiscale(name, level, space)]}
    return _written(v04.Image, image)


def label_attributes(
    name: str, level: str, space: Space, source: str | None = None
) -> dict[str, Any]:
    """The same of labels; ``source`` is the path of their image from their group."""
    from yaozarrs import v04

    about = {"source": {"image": source}} if source else {}
    image = {"multiscales": [_multiscale(name, level, space)], "image-label": about}
    return _written(v04.LabelImage, image)


def labels_attributes(names: Sequence[str]) -> dict[str, Any]:
    """Attributes of the group ``labels`` of an image, by the names of its parts."""
    from yaozarrs import v04

    return _written(v04.LabelsGroup, {"labels": list(names)})


def plate_attributes(name: str, wells: Iterable[str]) -> dict[str, Any]:
    """Attributes of a plate of format 0.4.

    Parameters
    ----------
    name : str
    wells : iterable of str
        Paths such as ``A/1``. Rows and columns are those that have wells, in order.
    """
    from yaozarrs import v04

    paths = list(dict.fromkeys(wells))
    parts = [path.split("/") for path in paths]
    rows, columns = (
        sorted(set(some), key=natural) for some in zip(*parts, strict=True)
    )
    told = {
        "name": name,
        "rows": [{"name": one} for one in rows],
        "columns": [{"name": one} for one in columns],
        "wells": [
            {"path": p, "rowIndex": rows.index(r), "columnIndex": columns.index(c)}
            for p, (r, c) in zip(paths, parts, strict=True)
        ],
    }
    return _written(v04.Plate, {"plate": told})


def well_attributes(images: Iterable[str]) -> dict[str, Any]:
    """Attributes of a well of format 0.4, by the paths of its images."""
    from yaozarrs import v04

    told = {"images": [{"path": path} for path in images]}
    return _written(v04.Well, {"well": told})


def _of_known_version(about: Attributes, part: Any) -> dict[str, Any]:
    """A part of the metadata, if it is of a version that is known or not named."""
    if not isinstance(part, Mapping):
        raise ValueError("its metadata is no JSON object")
    version = about.get("version") or part.get("version")
    if version and not _KNOWN.match(str(version)):
        raise ValueError(f"OME-Zarr {version} is not known, 0.1 to 0.5 are")
    return dict(part)


def _checked(model: Any, values: Attributes) -> Any:
    """A model of values; what is wrong with them in one line."""
    try:
        return model.model_validate(values)
    except ValueError as error:
        faults: Any = getattr(error, "errors", list)()
        if not faults:
            raise
        first = faults[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}") from None


def _axis(axis: Any) -> dict[str, Any]:
    """An axis with its type; formats before 0.4 give the letter alone."""
    told = {"name": axis} if isinstance(axis, str) else dict(axis)
    kind, named = told.get("type"), _TYPES.get(str(told.get("name", "")).lower())
    # Some call every axis one of space.
    return {**told, "type": kind if kind in ("time", "channel") else named}


def _rank(axis: Attributes) -> int:
    return _RANKS.get(str(axis["type"]), 1)


def _transforms(given: Any, order: Sequence[int]) -> list[dict[str, Any]]:
    """Transformations with a scale, their values in the order of the axes."""
    found = []
    for each in given or ():
        kind = str(each["type"])
        if kind != "identity":
            values = each[kind]
            if len(values) != len(order):
                raise ValueError(f"its {kind} {values} does not fit its axes")
            found.append({"type": kind, kind: [float(values[i]) for i in order]})
    if not any(one["type"] == "scale" for one in found):
        found.insert(0, {"type": "scale", "scale": [1.0] * len(order)})
    return found


def _with_place(well: Any, rows: Any, columns: Any) -> dict[str, Any]:
    """A well with its row and column, which before format 0.4 its path alone tells."""
    told = dict(well)
    row, _, column = str(told.get("path", "")).partition("/")
    for key, some, name in (("rowIndex", rows, row), ("columnIndex", columns, column)):
        known = [str(one.get("name")) for one in some]
        if key not in told and name in known:
            told[key] = known.index(name)
    return told


def _multiscale(name: str, level: str, space: Space) -> dict[str, Any]:
    """An image of one level."""
    kinds = [_TYPES.get(axis) for axis in space.axes]
    ranks = [_RANKS.get(str(kind), 1) for kind in kinds]
    # Arrays stay as they are: axes in another order than the format's have no type.
    plain = ranks != sorted(ranks)
    axes = [
        {"name": axis, "type": None if plain and i < len(kinds) - 2 else kind}
        | ({"unit": OME_UNITS[unit]} if unit in OME_UNITS else {})
        for i, (axis, kind, unit) in enumerate(
            zip(space.axes, kinds, space.units, strict=True)
        )
    ]
    steps: list[dict[str, Any]] = [{"type": "scale", "scale": list(space.scale)}]
    if space.translate:
        place = list(space.translate)
        steps.append({"type": "translation", "translation": place})
    level_of = {"path": level, "coordinateTransformations": steps}
    return {"name": name, "axes": axes, "datasets": [level_of]}


def _written(model: Any, values: Attributes) -> dict[str, Any]:
    """Values as attributes of a group, with what the format adds to them."""
    made = model.model_validate(values)
    return made.model_dump(mode="json", by_alias=True, exclude_none=True)


def natural(text: str) -> tuple[int, int, str]:
    """Sorting key of rows and columns: numbers by size, then A to Z before AA."""
    if text.isdigit():
        return 0, int(text), text
    return 1, len(text), text
