"""The speech engine's process, before numpy is in it."""

from __future__ import annotations

import os
from typing import NoReturn

from bili2text.transcribe.cpu import one_blas_thread, one_heap, threads_that_sleep, widest_vectors


def main() -> NoReturn:
    """Answer the parent until it closes; never returns."""
    one_heap()  # now: the parent is listened to by a thread of its own
    wanted = (one_blas_thread, threads_that_sleep, widest_vectors)
    os.environ.update(item for settings in wanted for item in settings(os.environ).items())
    from bili2text.transcribe.answers import run

    run()
