"""The documentation of a bioimage.io package: what its format has no field for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_pmrnet.segmentation.intensity import MAX_SAMPLE, PERCENTILES
from napari_pmrnet.segmentation.kind import (
    INSTANCES,
    class_channels,
    class_names,
    kind_of,
    sees_whole,
)
from napari_pmrnet.segmentation.noise import SIGMAS

if TYPE_CHECKING:
    from napari_pmrnet.pretrained import Model

MAPS = {
    "probability": "how much a pixel looks like part of {what}, 0 to 1",
    "flow_y": "step down from the pixel towards the middle of its nucleus",
    "flow_x": "step to the right towards the middle of its nucleus",
    "border": "border between nuclei, 0 to 1",
    "distance": "depth inside a nucleus, 0 to 1",
    "boundary": "boundary gate: where the network sees the border of {what}, 0 to 1",
    "pgrf": "raw PGRF map, 1 - mean diffusivity, 0 to 1; not a probability",
}
_TEXT = """# {name}

PMRNet{purpose}.

Exported from the napari plugin napari-pmrnet. The network was described by B. Kang
(CVPR 2026); this is an independent implementation.

Weights: SHA-256 `{sha256}`. Licence of the weights: {licence}.

## Input: `image`, (batch, 3, y, x), float32 in [0, 1]

There is no preprocessing entry in the description, because none of the format is
exactly what the network was trained with. Do this once for a whole image, before it is
cut into windows:

1. A grey image fills all three channels; of a colour image take red, green and blue
   without alpha.
2. Take percentile {low} and percentile {high} of all values, all channels together,
   in float64 with linear interpolation. Of an image of more than {most} values, every
   k-th row and column will do, k = ceil(sqrt(values / {most})).
3. Where the two are equal, take minimum and maximum instead.
4. Subtract the lower, divide by the difference, clip to [0, 1].
5. The plugin then smooths noisy images by a Gaussian, after their noise as
   `napari_pmrnet.segmentation.noise.noise_level` measures it: sigma {smoothing}.

For an image of no more than {most} values whose two percentiles differ, `scale_range`
over channel, y and x with these percentiles, followed by `clip` to [0, 1], gives the
same but for its `eps`. Applied to each tile by itself it does not.

Height and width are multiples of 8. The plugin cuts an image into windows of {window} x
{window} that overlap by {overlap} pixels and blends the maps.{scale}

## Output: `maps`, (batch, {count}, y, x), float32

{maps}

Sigmoids are part of the network. Turning the maps into {labels}, and into the
calibrated certainty, is done by the plugin{thresholds}. A threshold on
`probability` gives the foreground.

## Validation

`{test_input}` holds one window of generated nuclei, `{test_output}` what PyTorch
makes of it. Run by onnxruntime on a processor, the maps agree within 1e-4. To validate
on images of your own, annotate some, and compare: `napari-pmrnet evaluate --data DIR`.
{scores}
"""


def readme(model: Model) -> str:
    """Documentation of the package of a model, in Markdown."""
    card = model.card
    names = model.map_names()
    maps = (
        f"{place}. `{name}`: {_map(name, card)}" for place, name in enumerate(names)
    )
    return _TEXT.format(
        name=model.name,
        sha256=card["sha256"],
        licence=card.get("licences", {}).get("weights", "not stated"),
        low=PERCENTILES[0],
        high=PERCENTILES[1],
        smoothing=" and ".join(f"{s:g} above {n:g}" for n, s in SIGMAS.items()),
        most=f"{MAX_SAMPLE:,}",
        window=model.window,
        overlap=model.overlap,
        purpose=purpose(card),
        labels="numbered nuclei" if kind_of(card) == INSTANCES else kind_of(card),
        scale=_scale(card),
        count=len(names),
        maps="\n".join(maps),
        thresholds=_thresholds(card.get("thresholds")),
        test_input="test_input.npy",
        test_output="test_output.npy",
        scores=_scores(card.get("val")),
    )


def purpose(card: Mapping[str, Any]) -> str:
    """What a model is for, to follow "PMRNet"."""
    kind, names = kind_of(card), class_names(card)
    if kind == INSTANCES:
        return (
            ", extended by channels that separate touching nuclei, for cell nuclei in "
            "fluorescence and stained tissue"
        )
    return f" for {kind}" + (f" ({', '.join(names)})" if names else "")


def _map(name: str, card: Mapping[str, Any]) -> str:
    """What a map shows."""
    classes = class_names(card)
    named = dict(zip(class_channels(len(classes)), classes, strict=False))
    if name in named:
        return f"how much a pixel looks like {named[name]}, 0 to 1"
    what = "a nucleus" if kind_of(card) == INSTANCES else "an object"
    return MAPS.get(name, "a map of its own").format(what=what)


def _scale(card: Mapping[str, Any]) -> str:
    """How large the network wants to see an image."""
    if sees_whole(card):
        return "\nImages are resized until one window holds all of them."
    working = card.get("working_diameters")
    if not working:
        return ""
    return (
        f"\nImages whose nuclei are not about {working[0]:g} to {working[1]:g} pixels "
        "wide are resized so that they are."
    )


def _thresholds(thresholds: dict[str, float] | None) -> str:
    return f" (thresholds: `{json.dumps(thresholds)}`)" if thresholds else ""


def _scores(scores: dict[str, float] | None) -> str:
    if not scores:
        return "The card states no scores."
    return (
        "Scores on validation images, as the model card states them: "
        + ", ".join(f"{name} {value}" for name, value in list(scores.items())[:8])
        + "."
    )
