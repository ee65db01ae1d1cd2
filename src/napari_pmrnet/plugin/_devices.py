"""What the network can run on, asked of torch in a worker thread."""

from __future__ import annotations

from dataclasses import dataclass

from napari_pmrnet.plugin._torch import load_torch, quiet_collector

AUTOMATIC = (("auto", "Automatic"),)


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
