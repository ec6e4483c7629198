"""The short form of scripts/soak_cluster: a real cluster of three nodes, taken apart while it works."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ALONE = ("unshare", "-rn")


def _why_not() -> str:
    """Return why no cluster can be had whose ports nobody else reaches; "" where it can."""
    for name in ("ray", "fsspec"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed: the extra [ray]"
    if sys.platform != "linux" or shutil.which("unshare") is None or shutil.which("ip") is None:
        return "no network namespaces here: they need Linux, unshare and ip"
    done = subprocess.run([*_ALONE, "ip", "link", "set", "lo", "up"], capture_output=True, text=True)
    return f"no network namespace may be made here: {done.stderr.strip()}" if done.returncode else ""


def test_a_cluster_that_falls_apart_does_every_good_recording_once(tmp_path: Path) -> None:
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    found = tmp_path / "found.json"
    amounts = ["--clips", "12", "--kills", "2", "--killers", "1", "--broken", "1", "--json", str(found)]
    script = 'ip link set lo up && exec "$@"'
    command = [sys.executable, str(ROOT / "scripts" / "soak_cluster.py"), *amounts]
    done = subprocess.run(
        [*_ALONE, "sh", "-c", script, "sh", *command],
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("BILI2TEXT_")},
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "scripts"))),
            "HOME": str(tmp_path),  # Ray keeps a token there
        },
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    seen = json.loads(found.read_text())
    assert (seen["done"], seen["kills"], seen["removed"]) == (12, 2, 1)
    assert seen["lethal"] >= 3
    assert seen["bad"]["lethal0"] == "quarantined: it killed 3 workers"
    assert seen["bad"]["broken0"].startswith("failed: not a media file")
    assert not seen["litter"] + seen["missing"] + seen["wrong_bad"]
