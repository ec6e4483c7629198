"""The whole probe: of this machine, and of drivers compiled for the test, with the real bindings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pynvml
import pytest
from gpu.fake_nvml import FakeCard, FakeNvml, error, uuid

import bili2text.gpu
from bili2text.gpu import cuda, host, nvml
from bili2text.gpu.probe import free_mib_now, probe

FIRST = "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f"
SECOND = "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f"
CODE = f"""
import dataclasses, json, os
from bili2text.gpu.probe import free_mib_now, probe
print(json.dumps([dataclasses.asdict(probe(os.environ)), free_mib_now("{FIRST}"), free_mib_now("GPU-none")]))
"""


def elsewhere(*folders: Path, **more: str) -> tuple[dict[str, Any], int | None, int | None]:
    """What `probe` and `free_mib_now` say in a process that finds these folders' libraries."""
    root = Path(bili2text.gpu.__file__).parents[2]
    environ = {"PYTHONPATH": str(root), "LD_LIBRARY_PATH": os.pathsep.join(map(str, folders)), **more}
    done = subprocess.run([sys.executable, "-c", CODE], env=environ, stdout=subprocess.PIPE, check=True)
    cards, free, none = json.loads(done.stdout)
    return cards, free, none


def test_this_machine_answers_or_says_why_not() -> None:
    found = probe(os.environ)
    assert bool(found.devices) != bool(found.reason)
    assert "\n" not in found.reason


def test_no_child_is_started_on_a_machine_without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    if cuda.present() or nvml.ask(host.look()).installed:
        pytest.skip("this computer has a driver")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a child was started"))
    assert asdict(probe({})) == {"devices": (), "reason": "no NVIDIA driver is installed", "lost": ()}
    assert free_mib_now("GPU-none") is None


def test_the_real_bindings_and_cuda_are_joined_by_uuid(libcuda: Path, libnvml: Path) -> None:
    cards, free, none = elsewhere(libcuda, libnvml, CUDA_DEVICE_ORDER="FASTEST_FIRST")
    second, first = cards["devices"]
    assert (free, none) == (7000, None)
    assert (first["index"], first["uuid"], first["name"]) == (1, FIRST, "NVIDIA GeForce RTX 4060")
    assert (first["total_mib"], first["free_mib"], first["used_mib"], first["reserved_mib"]) == (
        8188,
        7000,
        888,
        300,
    )
    assert (first["sms"], first["display"], first["driver"]) == (24, True, "570.86.10")
    assert [(holder["name"], holder["used_mib"]) for holder in first["holders"]] == [
        ("ollama", 500),
        ("Xorg", None),
    ]
    assert [line.partition(":")[0] for line in first["unknown"]] == [
        "who holds memory",
        "how much each program holds",
    ]
    assert (second["index"], second["uuid"], second["sms"]) == (0, SECOND, 128)
    assert second["unknown"][0] == "driver, holders, display: NVML does not list this card"


def test_cards_are_in_the_order_of_the_bus_unless_another_is_wished(libcuda: Path, libnvml: Path) -> None:
    cards, _, _ = elsewhere(libcuda, libnvml)
    assert [device["uuid"] for device in cards["devices"]] == [FIRST, SECOND]


def test_cuda_alone_serves_where_nvml_is_missing(libcuda: Path) -> None:
    cards, free, _ = elsewhere(libcuda, FAKE_CUDA="integrated")
    assert free is None
    here = host.look()
    assert [(device["integrated"], device["total_mib"]) for device in cards["devices"]] == [
        (True, here.total_mib)
    ] * 2


def test_a_driver_without_cuda_is_no_card(libnvml: Path) -> None:
    cards, _, _ = elsewhere(libnvml)
    assert cards["devices"] == []
    assert (
        cards["reason"]
        == "NVIDIA's driver knows one card, but CUDA cannot use it: libcuda.so.1 was not found"
    )


def test_hidden_cards_are_the_reason(libcuda: Path, libnvml: Path) -> None:
    cards, _, _ = elsewhere(libcuda, libnvml, CUDA_VISIBLE_DEVICES="")
    assert cards["reason"] == "CUDA_VISIBLE_DEVICES='' hides every card"


def test_every_name_of_nvml_that_we_use_is_in_the_real_bindings() -> None:
    folder = Path(bili2text.gpu.__file__).parent
    source = "".join(Path(folder, name).read_text(encoding="utf-8") for name in ("nvml.py", "nvml_facts.py"))
    source = source.replace("nvmlDeviceGet{kind}", "nvmlDeviceGetCompute")
    names = {name for name in re.findall(r"\b(?:nvml[A-Z]|NVML)\w+", source) if not name.startswith("NVML_")}
    names |= {"nvmlDeviceGetGraphicsRunningProcesses", "nvmlDeviceGetGraphicsRunningProcesses_v2"}
    names |= {"nvmlDeviceGetComputeRunningProcesses_v2"} | {
        name for name in vars(FakeNvml) if name.startswith("nvml")
    }
    assert len(names) > 20
    assert [name for name in sorted(names) if not hasattr(pynvml, name)] == []


def test_the_free_memory_of_one_card_is_asked_of_it_alone() -> None:
    driver = FakeNvml(
        [FakeCard(0, free=1234), FakeCard(1, refuses={"nvmlDeviceGetMemoryInfo": error("GpuIsLost")})]
    )
    assert [nvml.read_free(driver, uuid(number)) for number in (0, 1, 2)] == [1234, None, None]
    assert driver.shut == 3
    assert nvml.read_free(FakeNvml([], refuses={"nvmlInit": error("DriverNotLoaded")}), uuid(0)) is None


@pytest.mark.parametrize(
    ("platform", "kernel", "system"),
    [
        ("linux", "6.8.0-45-generic", "linux"),
        ("linux", "5.15.153.1-microsoft-standard-WSL2", "wsl"),
        ("linux", "4.4.0-19041-Microsoft", "wsl"),
        ("win32", "", "windows"),
    ],
)
def test_the_system_that_hands_out_memory_is_told_by_the_kernel(
    platform: str, kernel: str, system: str
) -> None:
    assert host.system_of(platform, kernel) == system


def test_a_process_has_a_name_until_it_ends() -> None:
    assert host.process_name(os.getpid())
    assert host.process_name(2**22 + 1) == ""
    assert host.process_name(-1) == ""
    assert host.look().free_mib <= host.look().total_mib
