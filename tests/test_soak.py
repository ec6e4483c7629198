"""The short form of scripts/soak: real runs killed, journals damaged, disks and memory full."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

if os.name != "posix":
    pytest.skip("signals and limits of POSIX", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

from soak import Wanted, soak, sound
from soaking.tails import Tails
from soaking.together import Together

SHORT = Wanted(kills=3, tails=16, memory=2, crowds=((2, 1),), seconds=45, lanes=1, stride=3)


def test_whatever_happens_to_a_run_its_files_are_those_of_an_undisturbed_one(
    tiny_en_folder: Path, tmp_path: Path
) -> None:
    found = soak(tiny_en_folder, tmp_path, SHORT)
    assert sound(found), found
    assert found["tails"]["tried"] == SHORT.tails
    assert found["memory"]["errors"] >= SHORT.memory
    assert found["memory"]["steps"] >= SHORT.memory
    assert all(disk["refused"] > 1 for disk in found["disk"])
    assert found["kills"]["recordings"] > 0


def test_one_wrong_text_is_not_sound() -> None:
    fine = {"tails": asdict(Tails(tried=9)), "memory": {}, "kills": {}, "disk": [], "together": []}
    assert sound(fine)
    assert not sound({**fine, "tails": asdict(Tails(tried=9, wrong=1))})
    assert not sound({**fine, "together": [asdict(Together(2, 1, twice=1))]})
