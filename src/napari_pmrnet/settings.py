"""Every setting of a segmentation, its default and its bounds, in one place.

The form, the command line, the TIFF tag and the notebook are all made from this
dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Real
from typing import Any, Protocol

from napari_pmrnet.errors import DataError

LARGEST_MIN_AREA = 100_000

TUNED = ("probability_threshold", "seed_threshold", "least_certainty")
"""Settings that the card of a model may give."""

AUTOMATIC, PERCENTILES, OF_REGION = "automatic", "percentiles", "region"
LIMITS = {
    AUTOMATIC: "Automatic",
    PERCENTILES: "Percentiles 1 and 99.8",
    OF_REGION: "Of the region",
}
"""Intensity limits that have a name, and their label."""


def _setting(default: Any, label: str, help: str, **bounds: float) -> Any:
    """Dataclass field that carries what a form and a flag need to know."""
    return field(default=default, metadata={"label": label, "help": help, **bounds})


def fixed_limits(limits: str) -> tuple[float, float] | None:
    """Intensity limits that are given as two numbers; None for those with a name.

    Raises
    ------
    ValueError
        If the text is neither.

    Examples
    --------
    >>> fixed_limits("120:4000")
    (120.0, 4000.0)
    >>> fixed_limits("automatic")
    """
    if limits in LIMITS:
        return None
    try:
        low, high = (float(number) for number in limits.split(":"))
    except (AttributeError, ValueError):
        low = high = 0.0
    if not -float("inf") < low < high < float("inf"):
        raise ValueError(
            f"Intensity limits are '{limits}'; they must be {', '.join(LIMITS)} or two "
            "numbers, the lower one first, such as 120:4000."
        )
    return low, high


class HasThresholds(Protocol):
    """A model card, as far as settings are concerned."""

    @property
    def thresholds(self) -> Mapping[str, float]: ...


@dataclass(frozen=True)
class Settings:
    """Settings of one segmentation.

    Raises
    ------
    ValueError
        If a number lies outside its bounds, or is none.

    Examples
    --------
    >>> settings = Settings(diameter=25, exclude_border=True)
    >>> settings.diameter, settings.probability_threshold
    (25, 0.6)
    >>> Settings(diameter=0)
    Traceback (most recent call last):
    ValueError: Nucleus diameter is 0; it must lie between 2 and 1000.
    """

    model: str = _setting(
        "nuclei", "Model", "Name of a model or path of a .safetensors file."
    )
    device: str = _setting(
        "auto",
        "Device",
        "Where the network runs: auto, cpu, cuda, cuda:N or mps.",
    )
    channel: int | None = _setting(
        None,
        "Channel",
        "Channel to segment, from 0. Empty: all three of a colour image; of a "
        "multi-channel image the one named after a stain of nuclei, such as DAPI, or "
        "else the first.",
        min=0,
    )
    diameter: float | None = _setting(
        None,
        "Nucleus diameter",
        "Of a typical nucleus, in pixels. Weights trained for a range of sizes see the "
        "image at the scale that suits it. Empty: estimated from the image.",
        min=2,
        max=1000,
        step=1,
        start=20,
    )
    probability_threshold: float = _setting(
        0.6,
        "Probability threshold",
        "A pixel belongs to a nucleus above this probability. Lower it for larger "
        "or fainter nuclei.",
        min=0.05,
        max=0.95,
        step=0.05,
    )
    seed_threshold: float = _setting(
        0.5,
        "Seed threshold",
        "How many pixels must gather at a place to make a nucleus of it. Raise it to "
        "drop fragments, lower it to keep small nuclei.",
        min=0.05,
        max=0.95,
        step=0.05,
    )
    least_certainty: float = _setting(
        0.05,
        "Least certainty",
        "Nuclei of which the model is less certain are dropped, and proposed in the "
        "Review dock instead. 0 keeps all.",
        min=0.0,
        max=0.95,
        step=0.05,
    )
    min_area: int | None = _setting(
        None,
        "Smallest nucleus",
        "Nuclei of fewer pixels are dropped. Empty: 5 % of a typical nucleus, or 20 "
        "where its size is not known.",
        min=0,
        max=LARGEST_MIN_AREA,
        step=5,
        start=20,
    )
    flips: bool = _setting(
        False,
        "Average over flips",
        "The network sees every part of the image four times, flipped, and the mean is "
        "taken: four times as slow.",
    )
    exclude_border: bool = _setting(
        False,
        "Exclude cut nuclei",
        "Drop nuclei that touch the border of the image.",
    )
    limits: str = _setting(
        AUTOMATIC,
        "Intensity limits",
        "Intensities that the network sees as black and as white. automatic: "
        "percentiles 1 and 99.8 of the whole image, without debris far brighter than "
        "the nuclei. percentiles: with it. region: those percentiles of the region "
        "alone. LOW:HIGH, such as 120:4000: these two.",
    )

    def __post_init__(self) -> None:
        fixed_limits(self.limits)
        for spec in fields(self):
            value = getattr(self, spec.name)
            low, high = spec.metadata.get("min"), spec.metadata.get("max")
            if value is None or (low is None and high is None):
                continue
            if isinstance(value, bool) or not isinstance(value, Real):
                raise ValueError(f"{spec.metadata['label']} is {value!r}, no number.")
            # Not a number lies within no bounds.
            within = (low is None or value >= low) and (high is None or value <= high)
            if not within:
                raise ValueError(
                    f"{spec.metadata['label']} is {value}; it must lie between "
                    f"{low} and {high}."
                )

    def as_dict(self) -> dict[str, Any]:
        """Fields and values, ready for JSON."""
        return asdict(self)

    def differing(self, usual: Settings) -> dict[str, str]:
        """Settings that are not as usual: name to value in words, as for a reader.

        Parameters
        ----------
        usual : Settings
            Such as those that a model has tuned.

        Examples
        --------
        >>> Settings(diameter=25, exclude_border=True).differing(Settings())
        {'diameter': '25', 'exclude_border': 'yes'}
        """
        return {
            spec.name: _in_words(getattr(self, spec.name))
            for spec in fields(self)
            if getattr(self, spec.name) != getattr(usual, spec.name)
        }

    @classmethod
    def for_card(cls, card: HasThresholds, **values: Any) -> Settings:
        """Settings with the thresholds of a model card.

        Parameters
        ----------
        card : ModelCard
            Its ``thresholds`` holds values for `TUNED`; missing ones are the default.
        **values
            Settings that differ from the default and the card.
        """
        tuned = {k: v for k, v in card.thresholds.items() if k in TUNED}
        return cls(**{**tuned, **values})

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """Settings from a dictionary; names this version does not know are dropped."""
        known = {spec.name for spec in fields(cls)}
        return cls(**{name: v for name, v in values.items() if name in known})

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Settings:
        """Settings that labels were made with, as these or a record tell them.

        Those of a version that dropped no uncertain nuclei do not name
        ``least_certainty``, which is 0 then.

        Raises
        ------
        DataError
            If another program has written values that cannot be.
        """
        try:
            return cls.from_dict({"least_certainty": 0.0, **values})
        except (TypeError, ValueError) as error:
            raise DataError(
                f"the labels say that they were made with settings that cannot be: "
                f"{error}"
            ) from error


def _in_words(value: Any) -> str:
    """A value as it is read: no Python."""
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return LIMITS.get(value, value) if isinstance(value, str) else f"{value:g}"
