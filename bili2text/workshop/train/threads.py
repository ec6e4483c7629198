"""How many threads a training has on a CPU: with another number its sums round otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from bili2text.files import write_whole
from bili2text.plan.machine import cores
from bili2text.progress import Progress
from bili2text.workshop.train.faults import damaged

_RECORD = "threads.json"


def settle(last: Path | None, progress: Progress) -> None:
    """Set torch's threads for this process: as many as its cores at most, or what a checkpoint came of.

    torch counts the cores it may run on, but not a container's bound of CPU time, and threads that outnumber
    their cores wait for each other. OMP_NUM_THREADS and torch.set_num_threads are listened to. Raises
    ModelError for a damaged record.
    """
    usual = min(torch.get_num_threads(), cores())
    threads = _kept(last) or usual
    torch.set_num_threads(threads)
    if threads != usual:
        progress.warn(
            f"goes on with {threads} threads, as it was begun, not {usual}: the weights would be others"
        )
    elif last is None:
        progress.note(f"computes on the CPU with {threads} thread{'s' * (threads > 1)}")


def keep(checkpoint: Path) -> None:
    """Write the number of threads into a checkpoint. Raises StorageError."""
    told = json.dumps({"threads": torch.get_num_threads()})
    write_whole(checkpoint / _RECORD, told + "\n", overwrite=True)


def _kept(checkpoint: Path | None) -> int | None:
    """Return what `keep` wrote; None without a checkpoint, or in one of a training on a card."""
    if checkpoint is None or not (checkpoint / _RECORD).is_file():
        return None
    try:
        threads = json.loads((checkpoint / _RECORD).read_text(encoding="utf-8"))["threads"]
    except (OSError, ValueError, KeyError, TypeError):
        threads = None
    if type(threads) is not int or not 0 < threads <= 4096:
        raise damaged(checkpoint)
    return threads
