"""What was done to make labels, as a paragraph for the methods of a paper.

It is told from what label files and layers carry, not from what a form says now.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from napari_pmrnet.errors import DataError, WeightsError
from napari_pmrnet.io.provenance import Provenance
from napari_pmrnet.io.space import TIME
from napari_pmrnet.models.library import card_with, model_with
from napari_pmrnet.settings import AUTOMATIC, OF_REGION, PERCENTILES, Settings

CITATION = (
    'B. Kang, "PMRNet: Physics-informed Multi-scale Refinement Network for Medical '
    'Image Segmentation", CVPR 2026, pp. 15659-15668.'
)
_DIGITS = 12
_LIMITS = {
    AUTOMATIC: "percentiles 1 and 99.8 of the whole image, without debris far brighter "
    "than the nuclei",
    PERCENTILES: "percentiles 1 and 99.8 of the whole image",
    OF_REGION: "percentiles 1 and 99.8 of the region that was segmented",
}
_THRESHOLDS = ("probability_threshold", "seed_threshold", "least_certainty")
_APART = (*_THRESHOLDS, "model", "device", "diameter", "limits", "min_area")
"""Settings that have a sentence of their own, or do not show in labels."""


def describe(made: Iterable[Provenance], link: str | None = None) -> str:
    """Describe how labels were made.

    Parameters
    ----------
    made : iterable of Provenance
        One for each image.
    link : str, optional
        Axis through which nuclei were linked.

    Returns
    -------
    str
        A paragraph, with the reference of the network.

    Raises
    ------
    DataError
        If one does not tell how it was made.
    """
    groups: dict[str, list[Provenance]] = {}
    for one in made:
        if one.settings is None:
            name = f"'{one.image}': " if one.image else ""
            raise DataError(
                f"{name}the labels do not say how they were made: napari-pmrnet did "
                "not make them, or another program has saved them since."
            )
        settings = {
            k: v for k, v in one.settings.items() if k not in ("model", "device")
        }
        key = json.dumps([settings, one.weights_hash, one.software], sort_keys=True)
        groups.setdefault(key, []).append(one)
    if not groups:
        raise DataError("There are no labels to describe.")
    parts = [_paragraph(group, len(groups) > 1) for group in groups.values()]
    if link:
        how = "were assigned to each other by place" if link in TIME else "overlap"
        parts.append(
            f"Nuclei that {how} from plane to plane along {link} have one number."
        )
    return " ".join([*parts, f"Reference: {CITATION}"])


def _paragraph(group: Sequence[Provenance], is_one_of_several: bool) -> str:
    """The sentences on images that were segmented alike."""
    first = group[0]
    settings = Settings.of_record(first.settings or {})
    where = ""
    if is_one_of_several or len(group) > 1:
        where = f" in {len(group)} image{'s' if len(group) > 1 else ''}"
    by = first.software or "napari-pmrnet (its version was not recorded)"
    sentences = [
        f"Nuclei were segmented{where} with {by}, an implementation of PMRNet, using "
        f"the weights {_weights(first, settings)}.",
        f"The diameter of a typical nucleus was {_diameter(group, settings)}, the "
        f"intensity limits were {_limits(settings)}.",
        f"{_thresholds(first, settings)}; nuclei of fewer than {_smallest(settings)} "
        "were dropped.",
    ]
    others = list(_others(settings))
    told = "; ".join(others) or "the defaults"
    return " ".join([*sentences, f"Other settings: {told}."])


def _weights(made: Provenance, settings: Settings) -> str:
    """Name and hash of the weights."""
    name = model_with(made.weights_hash) or Path(settings.model).stem
    if not made.weights_hash:
        return f"'{name}'"
    return f"'{name}' (SHA-256 {made.weights_hash[:_DIGITS]})"


def _diameter(group: Sequence[Provenance], settings: Settings) -> str:
    """The diameter that was given, or those that were estimated."""
    if settings.diameter is not None:
        return f"given as {settings.diameter:g} pixels"
    known = sorted(one.diameter for one in group if one.diameter)
    if not known:
        return "estimated from the image"
    low, high = f"{known[0]:.1f}", f"{known[-1]:.1f}"
    sizes = low if low == high else f"{low} to {high}"
    return f"estimated from the image ({sizes} pixels)"


def _limits(settings: Settings) -> str:
    """The intensity limits."""
    return _LIMITS.get(settings.limits) or " to ".join(settings.limits.split(":"))


def _smallest(settings: Settings) -> str:
    """The least area."""
    if settings.min_area is None:
        return "5 % of the pixels of a typical one (20 where its size was not known)"
    return f"{settings.min_area} pixels"


def _thresholds(made: Provenance, settings: Settings) -> str:
    """All thresholds, with the default of the weights where it is another."""
    usual = _usual(made)
    parts = []
    for spec in fields(Settings):
        if spec.name in _THRESHOLDS:
            value, default = getattr(settings, spec.name), getattr(usual, spec.name)
            other = "" if value == default else f" (default {default:g})"
            parts.append(f"{spec.metadata['label'].lower()} {value:g}{other}")
    return f"Labels were made at {', '.join(parts)}"


def _usual(made: Provenance) -> Settings:
    """The defaults with the weights that were used."""
    try:
        card = card_with(made.weights_hash)
    except WeightsError:
        card = None
    return Settings() if card is None else Settings.for_card(card)


def _others(settings: Settings) -> Iterator[str]:
    """Settings without a sentence of their own that are not the default."""
    labels = {spec.name: spec.metadata["label"].lower() for spec in fields(Settings)}
    for name, value in settings.differing(Settings()).items():
        if name not in _APART:
            yield labels[name] if value == "yes" else f"{labels[name]} {value}"
