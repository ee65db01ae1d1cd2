r"""Average the weights of models that were trained from one another.

    python scripts/experiments/average_weights.py --model dsb18=0.3 \
        --model DIR/all.safetensors=0.7 --output DIR/nuclei.safetensors

On images of other kinds the mean of weights before and after fine-tuning does as well
as the better of both, or better (Wortsman et al., "Robust fine-tuning of zero-shot
models", CVPR 2022). The card is that of the last one, without scores; fit it anew by
``refit.py``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from napari_pmrnet.models import load_model
from napari_pmrnet.models.weights import save_model


def average(shares: dict[str, float], output: Path) -> None:
    """Write the mean of the weights of models, by their shares, which add up to 1."""
    models = {name: load_model(name, "cpu", "pytorch") for name in shares}
    *_, last = models.values()
    if any(model.channels != last.channels for model in models.values()):
        raise SystemExit("the models have different maps. Average models of one kind.")
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise SystemExit(f"the shares add up to {sum(shares.values())}, not to 1.")
    mean: dict[str, torch.Tensor] = {}
    for name, model in models.items():
        for key, value in model.network.state_dict().items():
            mean[key] = mean.get(key, 0) + shares[name] * value.float()
    kept = last.network.state_dict()
    state = {key: value.to(kept[key].dtype) for key, value in mean.items()}
    gone = ("sha256", "val", "scores", "date", "name")
    document = {k: v for k, v in last.card.document.items() if k not in gone}
    save_model(output, state, type(last.card)(document))


def main() -> None:
    """Average the models that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", action="append", required=True, metavar="MODEL=SHARE"
    )
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    pairs = [given.rsplit("=", 1) for given in arguments.model]
    average({name: float(share) for name, share in pairs}, arguments.output)


if __name__ == "__main__":
    main()
