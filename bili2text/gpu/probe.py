"""What cards this process can use, and how much memory they have free now."""

from __future__ import annotations

from collections.abc import Mapping

from bili2text.gpu import cuda, host, nvml
from bili2text.gpu.combine import combine
from bili2text.gpu.device import Cards, Device


def probe(environ: Mapping[str, str]) -> Cards:
    """Return the cards CUDA gives a process with this environment, or why there are none. Never raises.

    Makes no CUDA context, so it takes no memory of a card. `Device.index` is the ordinal in a process whose
    CUDA_DEVICE_ORDER is that of `environ`, or PCI_BUS_ID where that is not set.
    """
    here = host.look()
    seen = nvml.ask(here)
    listed = None
    if seen.installed or cuda.present():
        listed = cuda.ask({"CUDA_DEVICE_ORDER": "PCI_BUS_ID", **environ})
    return combine(seen, listed, here, environ.get("CUDA_VISIBLE_DEVICES"))


def device_now(uuid: str) -> Device | None:
    """Return a card as NVML tells of it now, its index NVML's; None when it does not answer. For watching."""
    return next((device for device in nvml.ask(host.look()).devices if device.uuid == uuid), None)


def free_mib_now(uuid: str) -> int | None:
    """Return the memory a card or slice has free now, in MiB; None where NVML does not tell. For polling."""
    return nvml.free_mib(uuid)
