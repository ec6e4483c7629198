from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from bili2text.cluster.scratch import Scratch, sweep
from bili2text.jobs.lock import hold


def test_what_a_killed_worker_left_is_gone_and_the_living_keep_theirs(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from bili2text.cluster.scratch import Scratch\n"
        "s = Scratch(Path(sys.argv[1])); (s.folder / 'in' / 'talk.wav').write_bytes(b'x')\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=env)
    assert done.returncode == -signal.SIGKILL
    assert list((tmp_path / "cluster").glob("*/in/talk.wav"))
    mine = Scratch(tmp_path)  # sweeps before it begins
    assert [path for path in (tmp_path / "cluster").iterdir() if path.is_dir()] == [mine.folder]
    assert sweep(tmp_path) == 0
    mine.close()
    assert not list((tmp_path / "cluster").iterdir())


def test_half_written_files_of_journals_go_once_nobody_is_at_them(tmp_path: Path) -> None:
    halves = []
    for name in ("held", "free"):
        folder = tmp_path / "jobs" / name
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").write_text("what was heard")
        halves.append(folder / ".12.part")
        halves[-1].write_text("half")
    lock = hold(tmp_path / "jobs" / "held", None)
    sweep(tmp_path)
    lock.release()
    assert [half.exists() for half in halves] == [True, False]
    assert len(list((tmp_path / "jobs").glob("*/journal.jsonl"))) == 2
