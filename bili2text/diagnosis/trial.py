"""Try a precision in a child: whatever it does there, here it is a value."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bili2text.diagnosis.values import Outcome, Trial
from bili2text.files import clean_text
from bili2text.gpu import allocator
from bili2text.gpu.cuda import ended
from bili2text.gpu.device import Device
from bili2text.plan import precision

LIMIT = 120.0  # seconds; a driver that compiles the kernels for a new card first takes a good part of them
ON_CPU = ("int8", "int8_float32", "float32")
ON_CARD = ("float16", "int8_float16", "bfloat16", "int8_float32", "float32")
_SHOWN = 160  # characters of a child's last words
# What a child may say of itself; the rest is for its parent to see
_SAYS: dict[str, Outcome] = {
    "works": "works",
    "refused": "refused",
    "nonsense": "nonsense",
    "no room": "no room",
    "failed": "failed",
}


def command(folder: Path, device: Device | None, compute_type: str, threads: int) -> tuple[str, ...]:
    """Return the command line of a child that tries one precision; `device` is None for the CPU."""
    program = str(Path(__file__).with_name("trial_child.py"))
    place = ("cpu", "0", "") if device is None else ("cuda", str(_index(device)), device.uuid)
    return (sys.executable, program, str(folder), *place, compute_type, str(threads))


def environment(environ: Mapping[str, str], device: Device | None) -> dict[str, str]:
    """Return the child's environment: that of a run, with no other card in sight."""
    total = None if device is None else device.total_mib
    found = {**environ, **allocator.whisper_environment(environ, sys.platform, total_mib=total)}
    if device is not None and device.uuid:
        found["CUDA_VISIBLE_DEVICES"] = device.uuid
    elif device is not None:
        found.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    return found


def run(
    compute_type: str, arguments: Sequence[str], environ: Mapping[str, str], limit: float = LIMIT
) -> Trial:
    """Return what came of the child that `arguments` start. It is gone when this returns. Never raises."""
    try:
        child = subprocess.Popen(  # noqa: S603 - a list, no shell
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environ},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        return Trial(compute_type, "failed", f"no child could be started: {error}")
    try:
        said, last_words = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        why = f"nothing for {limit:g} s: it hangs, or others keep the computer busy; another try may tell"
        return Trial(compute_type, "no answer", why)
    finally:
        _end(child)
    return judge(compute_type, child.returncode, said, last_words)


def judge(compute_type: str, code: int, said: bytes, last_words: bytes) -> Trial:
    """Return what a child's exit code, its last line and its last words amount to."""
    answer = _answer(said)
    if answer is not None:
        return _as_said(compute_type, answer, "" if code == 0 else f"but its process {ended(code)}")
    if code == 0:
        return Trial(compute_type, "failed", "the child's answer makes no sense")
    why = "; ".join(part for part in (ended(code), _last_line(last_words)) if part)
    if -code == getattr(signal, "SIGKILL", None):
        return Trial(compute_type, "no room", f"{why}, as the system does when RAM runs out")
    killed = code < 0 or code > 255
    return Trial(compute_type, "aborted" if killed else "failed", why)


def ladder(device: Device | None, library: str) -> tuple[tuple[str, str], ...]:
    """Return the precisions for a place, each with why it is not to be tried, or ""."""
    if device is None:
        return tuple((name, "") for name in ON_CPU)
    return tuple((name, precision.refusal(device, name, library)) for name in ON_CARD)


def _index(device: Device) -> int:
    """Return the ordinal the card has in the child, which sees it alone where it has a UUID to name it by."""
    return 0 if device.uuid else device.index


def _answer(said: bytes) -> dict[str, Any] | None:
    """Return the child's last line as an object; what stands before it is of the libraries it loaded."""
    with suppress(ValueError):
        answer = json.loads(said.decode("utf-8", "replace").strip().rpartition("\n")[2])
        if isinstance(answer, dict) and answer.get("outcome") in _SAYS:
            return answer
    return None


def _as_said(compute_type: str, answer: dict[str, Any], remark: str) -> Trial:
    outcome = _SAYS[answer["outcome"]]
    if outcome != "works":
        return Trial(compute_type, outcome, _short(str(answer.get("why", ""))))
    speed, peak = answer.get("speed"), answer.get("peak_mib")
    if not isinstance(speed, (int, float)) or not math.isfinite(speed) or speed <= 0:
        return Trial(compute_type, "nonsense", f"a speed of {speed!r} is none")
    return Trial(compute_type, "works", remark, float(speed), peak if isinstance(peak, int) else None)


def _last_line(last_words: bytes) -> str:
    lines = last_words[-4000:].decode("utf-8", "replace").strip().splitlines()
    return _short(lines[-1]) if lines else ""


def _short(text: str) -> str:
    line = clean_text(text)
    return line if len(line) <= _SHOWN else line[: _SHOWN - 3] + "..."


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill a child that still runs; wait a second at most: one stuck in the driver dies when that lets it."""
    if child.poll() is not None:
        return
    with suppress(OSError):
        child.kill()
    with suppress(subprocess.TimeoutExpired, ValueError):
        child.communicate(timeout=1.0)
