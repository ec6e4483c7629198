"""A student that was really trained, for everything that is done with one."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bili2text.seq2seq.values import Pair
from bili2text.workshop.run import Run

sys.path.insert(0, str(Path(__file__).parent))  # for hsk, lessons and other modules shared by tests

os.environ.setdefault("OMP_NUM_THREADS", "1")

if importlib.util.find_spec("torch") is None:  # the extra [workshop] is not installed
    collect_ignore = [f"test_{name}.py" for name in ("loss", "model", "trainer", "finetune")]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep torch on one core: small tensors gain nothing by more, and other tests run beside these."""
    if importlib.util.find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def heart_pairs() -> Sequence[Pair]:
    """64 real pairs that the student of `trained_run` knows by heart."""
    from hsk import pairs

    long = [pair for pair in pairs() if len(pair.zh) >= 8 and len(pair.en) >= 20]
    return long[:: len(long) // 64][:64]


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, heart_pairs: Sequence[Pair]) -> Run:
    """The tiny student, trained on 64 pairs in both directions: model and vocabulary of a run."""
    torch = pytest.importorskip("torch")
    from lessons import learn_by_heart

    torch.set_num_threads(1)
    return learn_by_heart(tmp_path_factory.mktemp("workshop") / "run", heart_pairs)
