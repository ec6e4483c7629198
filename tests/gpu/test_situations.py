"""What is said of every situation a driver can be in: fifty that one machine cannot show."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from gpu.fake_nvml import FakeCard, FakeNvml, error, process, uuid

from bili2text.gpu.combine import combine
from bili2text.gpu.cuda import CudaAnswer, CudaDevice
from bili2text.gpu.device import Cards, Holder
from bili2text.gpu.host import Host
from bili2text.gpu.nvml import read

LINUX = Host("linux", 32000, 20000)
WSL = Host("wsl", 32000, 20000)
WINDOWS = Host("windows", 32000, 20000)
SILENT = CudaAnswer(reason="the child did not answer in 20 s")
NO_DEVICE = CudaAnswer(reason="CUDA says: no device (100)", refused=True)
MEMORY, COMPUTE, GRAPHICS = (
    "nvmlDeviceGetMemoryInfo",
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetGraphicsRunningProcesses",
)


def listed(*numbers: int, integrated: bool = False, sms: int = 24) -> CudaAnswer:
    """CUDA lists the cards of these numbers."""
    device = CudaDevice("", "NVIDIA card of CUDA's", (8, 9), sms, 8188, integrated, pools=True)
    return CudaAnswer(
        tuple(
            CudaDevice(
                uuid(n), device.name, device.capability, sms, device.total_mib, integrated, device.pools
            )
            for n in numbers
        )
    )


@dataclass
class Situation:
    """A driver, CUDA's answer, the computer and CUDA_VISIBLE_DEVICES; and what must be said of them."""

    name: str
    nvml: FakeNvml
    cuda: CudaAnswer | None
    uuids: tuple[str, ...] = ()
    reason: str = ""
    lost: tuple[str, ...] = ()
    first: dict[str, object] = field(default_factory=dict)  # facts of the first device
    unknown: tuple[str, ...] | None = ()  # the beginning of each line of the first device
    host: Host = LINUX
    setting: str | None = None


def cards(count: int) -> list[FakeCard | Exception]:
    return [FakeCard(number) for number in range(count)]


def slices(count: int, kind: str = "MIG") -> FakeCard:
    parts: list[FakeCard | Exception] = [
        FakeCard(10 + n, "NVIDIA A100 MIG 1g.5gb", (8, 0), 4864, 4800, 10, 14 * 64, kind=kind)
        for n in range(count)
    ]
    return FakeCard(1, "NVIDIA A100-SXM4-40GB", (8, 0), 40960, 400, slices=parts)


def init_fails(name: str) -> FakeNvml:
    return FakeNvml([], refuses={"nvmlInit": error(name)})


def one(**facts: object) -> FakeNvml:
    return FakeNvml([FakeCard(0, **facts)])  # type: ignore[arg-type]


def refusing(**functions: str) -> FakeNvml:
    return one(refuses={name: error(kind) for name, kind in functions.items()})


ONE = (uuid(0),)
TWO = (uuid(0), uuid(1))
UNTOLD_HOLDERS = "who holds memory: the driver does not tell"

SITUATIONS = (
    # the plain ones
    Situation("a new driver", one(), listed(0), ONE, first={"used_mib": 788, "reserved_mib": 300, "sms": 24}),
    Situation("an old driver", FakeNvml(cards(1), "470.256.02", old=True), listed(0), ONE, first={"used_mib": 1088, "reserved_mib": 0, "name": "NVIDIA GeForce RTX 4060", "driver": "470.256.02"}),
    Situation("bindings without v2", FakeNvml(cards(1), lacks=("nvmlMemory_v2",)), listed(0), ONE, first={"free_mib": 7100}),
    Situation("eight cards", FakeNvml(cards(8)), listed(*range(8)), tuple(uuid(n) for n in range(8))),
    Situation("CUDA in another order", FakeNvml(cards(2)), listed(1, 0), (uuid(1), uuid(0)), first={"index": 0}),
    Situation("CUDA sees fewer", FakeNvml(cards(3)), listed(2), (uuid(2),), first={"index": 0}),
    Situation("CUDA's SMs where NVML has none", refusing(nvmlDeviceGetNumGpuCores="NotSupported"), listed(0), ONE, first={"sms": 24}),
    Situation("a screen", one(display=1), listed(0), ONE, first={"display": True}),
    Situation("shutdown fails", FakeNvml(cards(1), refuses={"nvmlShutdown": error("Unknown")}), listed(0), ONE),
    Situation("Turing's SMs, CUDA silent", one(capability=(7, 5), cores=1536), SILENT, ONE, first={"sms": 24}, unknown=("CUDA's own list: the child did not",)),
    Situation("Ada's SMs, CUDA silent", one(), SILENT, ONE, first={"sms": 24}, unknown=("CUDA's own list",)),
    Situation("Kepler's SMs are not counted", one(capability=(3, 5)), SILENT, ONE, first={"sms": 0}, unknown=("CUDA's own list",)),
    # who holds the memory
    Situation("holders", one(compute=[process(7, 500), process(8, 900)], graphics=[process(8, 900), process(9, 20)]), listed(0), ONE, first={"holders": (Holder(8, "chrome", 900), Holder(7, "python3", 500), Holder(9, "game.exe", 20))}),
    Situation("holders of an old driver", FakeNvml([FakeCard(0, compute=[process(7, 500)])], "470.256.02", old=True), listed(0), ONE, first={"holders": (Holder(7, "python3", 500),)}),
    Situation("holders without names", FakeNvml([FakeCard(0, compute=[process(7, 500)])], refuses={"nvmlSystemGetProcessName": error("NotFound")}), listed(0), ONE, first={"holders": (Holder(7, "of psutil", 500),)}),
    Situation("figures not told", one(compute=[process(7, None)]), listed(0), ONE, first={"holders": (Holder(7, "python3", None),)}, unknown=("how much each program holds: the driver does not tell",)),
    Situation("the figure that is none", one(compute=[process(7, (1 << 44) - 1)]), listed(0), ONE, first={"holders": (Holder(7, "python3", None),)}, unknown=("how much",)),
    Situation("no right to ask for processes", refusing(**{COMPUTE: "NoPermission", GRAPHICS: "NoPermission"}), listed(0), ONE, unknown=("who holds memory: the driver does not tell this user (Insufficient Permissions)",)),
    Situation("only graphics refused", FakeNvml([FakeCard(0, compute=[process(7, 5)], refuses={GRAPHICS: error("NotSupported")})]), listed(0), ONE, first={"holders": (Holder(7, "python3", 5),)}, unknown=(UNTOLD_HOLDERS,)),
    Situation("driver 535.54", FakeNvml([FakeCard(0, compute=[process(7, 500)])], "535.54.03"), listed(0), ONE, first={"holders": (Holder(7, "python3", None),)}, unknown=("how much each program holds: driver 535.54.03 tells wrong",)),
    Situation("driver 535.54 tells a process 0", FakeNvml([FakeCard(0, compute=[process(0, 500)])], "535.54.03"), listed(0), ONE, first={"holders": ()}, unknown=("how much",)),
    Situation("driver 535.86", FakeNvml([FakeCard(0, compute=[process(7, 500)])], "535.86.05"), listed(0), ONE, first={"holders": (Holder(7, "python3", 500),)}),
    # Windows and WSL
    Situation("WSL", one(), listed(0), ONE, host=WSL, first={"driver_model": "wsl", "spills": True}, unknown=("who holds memory: WSL does not tell",)),
    Situation("WSL without a process list", refusing(**{COMPUTE: "NotSupported", GRAPHICS: "NotSupported"}), listed(0), ONE, host=WSL, unknown=(UNTOLD_HOLDERS, "who holds memory: WSL")),
    Situation("WDDM", one(compute=[process(9, None)]), listed(0), ONE, host=WINDOWS, first={"driver_model": "wddm", "spills": True}, unknown=("how much",)),
    Situation("TCC", one(model=1), listed(0), ONE, host=WINDOWS, first={"driver_model": "tcc", "spills": False}),
    Situation("Windows' model refused", refusing(nvmlDeviceGetCurrentDriverModel="FunctionNotFound"), listed(0), ONE, host=WINDOWS, first={"driver_model": "wddm"}, unknown=("driver model: the driver does not tell (Function Not Found)",)),
    # memory that NVML does not know
    Situation("GB10", refusing(**{MEMORY: "NotSupported"}), listed(0, integrated=True), ONE, first={"integrated": True, "total_mib": 32000, "free_mib": 20000}),
    Situation("a carve-out told as memory", one(total=8128, free=8000), listed(0, integrated=True), ONE, first={"total_mib": 32000, "free_mib": 20000, "reserved_mib": 0}),
    Situation("GB10, CUDA silent", refusing(**{MEMORY: "NotSupported"}), SILENT, reason="no card can be used: card 0", lost=("card 0 (NVIDIA GeForce RTX 4060): the driver does not tell its memory",)),
    Situation("a vGPU without memory figures", refusing(**{MEMORY: "NotSupported"}), listed(0), ONE, first={"total_mib": 8188}, unknown=("free memory: the driver does not tell; all of the card",)),
    Situation("Jetson without NVML", init_fails("LibraryNotFound"), listed(0, integrated=True), ONE, first={"free_mib": 20000, "driver": ""}, unknown=("driver, holders, display: NVML is not installed",)),
    Situation("WSL without NVML", init_fails("LibraryNotFound"), listed(0), ONE, host=WSL, first={"driver_model": "wsl"}, unknown=("driver, holders", "free memory")),
    Situation("Jetson whose NVML fails", init_fails("NotSupported"), listed(0, integrated=True), ONE, unknown=("driver, holders, display: the NVIDIA driver does not answer: Not Supported",)),
    Situation("CUDA lists a card NVML does not", FakeNvml(cards(1)), listed(5, 0), (uuid(5), uuid(0)), unknown=("driver, holders, display: NVML does not list this card", "free memory")),
    # cards that do not answer
    Situation("lost at the handle", FakeNvml([error("GpuIsLost"), FakeCard(1)]), listed(1), (uuid(1),), lost=("card 0 does not answer: GPU is lost",), first={"index": 0}),
    Situation("lost at the memory", FakeNvml([FakeCard(0, refuses={MEMORY: error("GpuIsLost")}), FakeCard(1)]), listed(0, 1), (uuid(1),), lost=("card 0 (NVIDIA GeForce RTX 4060) does not answer: GPU is lost",), first={"index": 1}),
    Situation("all lost", FakeNvml([error("GpuIsLost"), error("InsufficientPower")]), NO_DEVICE, reason="no card can be used: card 0 does not answer: GPU is lost; card 1 does not answer: Insufficient External Power", lost=("card 0", "card 1")),
    Situation("timeouts", FakeNvml([error("Timeout")]), NO_DEVICE, reason="card 0 does not answer: Timeout", lost=("card 0",)),
    Situation("everything secondary refused", one(refuses={name: error("NoPermission") for name in ("nvmlDeviceGetName", "nvmlDeviceGetCudaComputeCapability", "nvmlDeviceGetNumGpuCores", "nvmlDeviceGetDisplayMode", "nvmlDeviceGetDisplayActive", "nvmlDeviceGetMigMode", COMPUTE, GRAPHICS)}), listed(0), ONE, first={"capability": (8, 9), "sms": 24, "name": "NVIDIA card"}, unknown=("MIG mode: ", "name: ", UNTOLD_HOLDERS, "display: ")),
    Situation("the UUID refused, one card", refusing(nvmlDeviceGetUUID="NotSupported"), listed(0), ("",), first={"free_mib": 7100}, unknown=("UUID: ",)),
    Situation("no UUIDs anywhere", FakeNvml([FakeCard(n, refuses={"nvmlDeviceGetUUID": error("NotSupported")}) for n in range(2)]), CudaAnswer(tuple(replace(device, uuid="") for device in listed(0, 1).devices)), ("", ""), unknown=("driver, holders, display: NVML does not list this card", "free memory")),
    Situation("the driver's version refused", FakeNvml(cards(1), refuses={"nvmlSystemGetDriverVersion": error("Unknown")}), listed(0), ONE, first={"driver": ""}, unknown=("driver version: the driver does not tell (Unknown Error)",)),
    Situation("bindings without half their functions", FakeNvml(cards(1), lacks=("nvmlDeviceGetNumGpuCores", "nvmlDeviceGetMigMode", "nvmlDeviceGetDisplayActive", GRAPHICS)), SILENT, ONE, first={"sms": 0}, unknown=("SM count: ", UNTOLD_HOLDERS, "display: ", "CUDA's own list")),
    Situation("bindings that raise TypeError", one(refuses={"nvmlDeviceGetNumGpuCores": TypeError("one argument")}), listed(0), ONE),
    # no driver, or not a working one
    Situation("nothing of NVIDIA's", init_fails("LibraryNotFound"), None, reason="no NVIDIA driver is installed"),
    Situation("NVML missing, CUDA refuses", init_fails("LibraryNotFound"), NO_DEVICE, reason="NVML is not installed, and CUDA says: no device (100)"),
    Situation("not loaded", init_fails("DriverNotLoaded"), NO_DEVICE, reason="the NVIDIA driver is installed but not loaded"),
    Situation("updated while it ran", init_fails("LibRmVersionMismatch"), NO_DEVICE, reason="restart the computer"),
    Situation("no permission at all", init_fails("NoPermission"), NO_DEVICE, reason="refuses to answer this user"),
    Situation("unknown error", init_fails("Unknown"), NO_DEVICE, reason="the NVIDIA driver does not answer: Unknown Error"),
    Situation("an error without a name", FakeNvml([], refuses={"nvmlInit": FakeNvml.NVMLError(4711)}), NO_DEVICE, reason="does not answer: NVML Error with code 4711"),
    Situation("the count refused", FakeNvml(cards(1), refuses={"nvmlDeviceGetCount": error("NoPermission")}), NO_DEVICE, reason="refuses to answer this user"),
    Situation("no card", FakeNvml([]), NO_DEVICE, reason="the NVIDIA driver knows of no card"),
    Situation("CUDA refuses two cards", FakeNvml(cards(2)), CudaAnswer(reason="CUDA says: the system is not ready yet (802)", refused=True), reason="NVIDIA's driver knows 2 cards, but CUDA cannot use them: CUDA says: the system is not ready yet (802)"),
    Situation("CUDA crashes", FakeNvml(cards(1)), CudaAnswer(reason="CUDA's library failed: killed by SIGABRT", refused=True), reason="killed by SIGABRT"),
    # MIG
    Situation("MIG, three slices", FakeNvml([slices(3)]), listed(10, sms=14), (uuid(10, "MIG"),), first={"mig": True, "total_mib": 4864, "sms": 14, "capability": (8, 9)}),
    Situation("MIG, one slice, CUDA silent", FakeNvml([slices(1)]), SILENT, (uuid(10, "MIG"),), first={"sms": 14, "capability": (8, 0), "mig": True}, unknown=("CUDA's own",)),
    Situation("MIG before driver 470", FakeNvml([slices(1, "MIG-GPU")], "450.80"), listed(77, sms=14), (uuid(10, "MIG-GPU") + "/1/0",), unknown=None),
    Situation("MIG without slices", FakeNvml([slices(0)]), NO_DEVICE, reason="no card can be used: card 0", lost=("card 0 (NVIDIA A100-SXM4-40GB) is in MIG mode and has no slice",)),
    Situation("a slice that fails", FakeNvml([FakeCard(1, "NVIDIA A100", slices=[error("GpuIsLost"), *(slices(1).slices or [])])]), listed(10), (uuid(10, "MIG"),), lost=("slice 0 of card 0 does not answer: GPU is lost",)),
    Situation("a whole A100", FakeNvml([FakeCard(0, "NVIDIA A100-SXM4-40GB", (8, 0))]), listed(0), ONE, first={"mig": False}),
    # CUDA_VISIBLE_DEVICES: with CUDA's word, and without
    Situation("hidden, says CUDA", FakeNvml(cards(2)), NO_DEVICE, setting="", reason="CUDA_VISIBLE_DEVICES='' hides every card"),
    Situation("hidden by a number", FakeNvml(cards(1)), NO_DEVICE, setting="-1", reason="CUDA_VISIBLE_DEVICES='-1' hides"),
    Situation("one by number", FakeNvml(cards(2)), SILENT, (uuid(1),), setting="1", first={"index": 0}, unknown=None),
    Situation("reversed", FakeNvml(cards(2)), SILENT, (uuid(1), uuid(0)), setting=" 1, 0", first={"index": 0}, unknown=None),
    Situation("by a UUID's beginning", FakeNvml(cards(2)), SILENT, (uuid(1),), setting="GPU-00000001", unknown=None),
    Situation("by an ambiguous beginning", FakeNvml(cards(2)), SILENT, setting="GPU-0", reason="hides every card"),
    Situation("by a slice's UUID", FakeNvml([slices(3)]), SILENT, (uuid(12, "MIG"),), setting=uuid(12, "MIG"), unknown=None),
    Situation("two slices are one", FakeNvml([slices(3)]), SILENT, (uuid(11, "MIG"),), setting=f"{uuid(11, 'MIG')},{uuid(12, 'MIG')}", unknown=None),
    Situation("an invalid one in the middle", FakeNvml(cards(3)), SILENT, (uuid(0),), setting="0,7,1", unknown=None),
    Situation("the visible one is lost", FakeNvml([error("GpuIsLost"), FakeCard(1)]), NO_DEVICE, setting="0", lost=("card 0",), reason="hides every card that answers"),
    Situation("MIG whose slices are not told", FakeNvml([FakeCard(0, slices=[], refuses={"nvmlDeviceGetMaxMigDeviceCount": error("NoPermission")})]), NO_DEVICE, reason="has no slice (slices: the driver does not tell this user", lost=("card 0",)),
    Situation("one twice", FakeNvml(cards(2)), SILENT, setting="0,0", reason="CUDA_VISIBLE_DEVICES='0,0' hides every card"),
    Situation("numbers, then a UUID", FakeNvml(cards(2)), SILENT, (uuid(1),), setting=f"1,{uuid(0)}", unknown=None),
    Situation("numbers count lost cards", FakeNvml([error("GpuIsLost"), *cards(2)[1:]]), SILENT, (uuid(1),), setting="1", lost=("card 0",), unknown=None),
)  # fmt: skip


def said(situation: Situation) -> Cards:
    seen = read(situation.nvml, situation.host, lambda pid: "of psutil")
    return combine(seen, situation.cuda, situation.host, situation.setting)


@pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.name for situation in SITUATIONS])
def test_every_situation_is_told_as_it_is(situation: Situation) -> None:
    found = said(situation)
    assert tuple(device.uuid for device in found.devices) == situation.uuids
    assert situation.reason in found.reason
    assert bool(found.reason) != bool(found.devices)
    assert "\n" not in found.reason
    assert len(found.lost) == len(situation.lost)
    assert all(part in line for part, line in zip(situation.lost, found.lost, strict=True))
    for name, value in situation.first.items():
        assert getattr(found.devices[0], name) == value, name
    if found.devices and situation.unknown is not None:
        lines = found.devices[0].unknown
        assert len(lines) == len(situation.unknown), lines
        assert all(line.startswith(part) for part, line in zip(situation.unknown, lines, strict=True)), lines


@pytest.mark.parametrize("situation", SITUATIONS, ids=[situation.name for situation in SITUATIONS])
def test_nvml_is_shut_down_whenever_it_was_opened(situation: Situation) -> None:
    before = situation.nvml.shut
    said(situation)
    assert situation.nvml.shut - before == ("nvmlInit" not in situation.nvml.refuses)


ERRORS = (
    "NotSupported",
    "FunctionNotFound",
    "NoPermission",
    "GpuIsLost",
    "Unknown",
    "Timeout",
    "InvalidArgument",
)


@pytest.mark.parametrize("kind", ERRORS)
@pytest.mark.parametrize("function", sorted(name for name in vars(FakeNvml) if name.startswith("nvmlD")))
def test_no_refusal_of_one_function_is_an_exception_or_a_silence(function: str, kind: str) -> None:
    for host in (LINUX, WINDOWS):
        for card in (FakeCard(0), slices(1)):
            nvml = FakeNvml([card], refuses={function: error(kind)})
            found = combine(read(nvml, host, str), SILENT, host, None)
            assert found.devices or found.reason
            assert nvml.shut == 1
