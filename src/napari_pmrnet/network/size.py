"""Sizes that the network takes; needs no torch."""

from __future__ import annotations

STRIDE = 8


def check_size(height: int, width: int) -> None:
    """Refuse inputs that three halvings do not divide.

    Raises
    ------
    ValueError
        Names the size needed.
    """
    if height % STRIDE or width % STRIDE or not height or not width:
        need = tuple(max(STRIDE, -(-n // STRIDE) * STRIDE) for n in (height, width))
        raise ValueError(
            f"PMRNet halves its input three times: {height} x {width} is no multiple "
            f"of {STRIDE}. Pad it to {need[0]} x {need[1]} and crop the result."
        )
