"""The speech engine's process, before numpy is in it."""

from __future__ import annotations

import os
from typing import NoReturn

from bili2text.transcribe.cpu import one_blas_thread, one_heap, threads_that_sleep


def main() -> NoReturn:
    """Answer the parent until it closes; never returns."""
    one_heap()  # now: the parent is listened to by a thread of its own
    os.environ.update(one_blas_thread(os.environ) | threads_that_sleep(os.environ))
    from bili2text.transcribe.answers import run

    run()
