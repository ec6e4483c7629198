"""The log of a watched run, and how many are kept."""

from __future__ import annotations

from pathlib import Path

from bili2text.gpu.account import Account, Watching


def test_a_watched_run_keeps_its_log_and_the_newest_of_the_others(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"vram-20240101-0000{number:02}-000000.csv").write_text("old")
    (tmp_path / "notes.csv").write_text("mine")
    warned: list[str] = []
    account = Account(0, "GPU-nowhere", Watching(enabled=True), tmp_path, warned.append)
    account.close()
    logs = sorted(path.name for path in tmp_path.glob("vram-*.csv"))
    assert len(logs) == 20
    assert account.log is not None
    assert (logs[0], logs[-1]) == ("vram-20240101-000011-000000.csv", account.log.name)
    assert (tmp_path / "notes.csv").exists()
