"""What the network can run on, asked of torch in a worker thread."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from napari_pmrnet.errors import PMRNetError
from napari_pmrnet.plugin._torch import load_torch, quiet_collector

AUTOMATIC = (("auto", "Automatic"),)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeviceReport:
    """Devices as (value, label) pairs, and advice on one that lies idle."""

    devices: list[tuple[str, str]]
    advice: str | None


def list_devices() -> DeviceReport:
    """Devices of this machine; imports torch, so never call it in the GUI thread."""
    with quiet_collector():
        load_torch()
        from napari_pmrnet.pretrained.devices import available_devices, device_advice

        return DeviceReport(list(available_devices()), device_advice())


def warm_up(model: str, device: str) -> None:
    """Load the network and run one window, so that the first press need not wait.

    What cannot be loaded is said when the button is pressed.
    """
    with quiet_collector():
        load_torch()
        import numpy as np

        from napari_pmrnet.pretrained import shared_model

        try:
            loaded = shared_model(model, device)
            shape = (1, 3, loaded.window, loaded.window)
            loaded.predict_windows(np.zeros(shape, np.float32))
        except (PMRNetError, RuntimeError) as error:
            logger.debug("the network was not loaded ahead: %s", error)
