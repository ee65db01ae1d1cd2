"""A device is a text that knows its kind."""

import pytest

from napari_pmrnet.models.backends.base import Device


@pytest.mark.parametrize(
    ("name", "kind"), [("cpu", "cpu"), ("cuda:12", "cuda"), ("mps", "mps")]
)
def test_a_device_is_its_name_and_has_a_kind(name: str, kind: str) -> None:
    assert Device(name) == f"{Device(name)}" == name and Device(name).type == kind
