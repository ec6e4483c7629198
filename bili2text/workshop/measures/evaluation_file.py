"""RUN/evaluation.json: what was measured of a run, as it is kept beside it."""

from __future__ import annotations

import json
from pathlib import Path

from bili2text.files import prove_writable, refuse_target, write_whole
from bili2text.workshop.measures.evaluate import Evaluation
from bili2text.workshop.measures.evaluation_text import values
from bili2text.workshop.run import Run


def refuse_unwritable(folder: Path) -> None:
    """Raise StorageError where a folder cannot take it, before minutes are spent; one not there passes."""
    if folder.is_dir():
        refuse_target(Run(folder).evaluation, overwrite=True)
        prove_writable(folder)


def keep(found: Evaluation, folder: Path) -> None:
    """Write it; an older one is replaced. Raises StorageError."""
    write_whole(Run(folder).evaluation, f"{json.dumps(values(found), ensure_ascii=False)}\n", overwrite=True)
