"""What both sides of the race share: a warm-up, then one run against the clock for each line that is read."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from acceptance.children import say
from acceptance.values import Json

LANGUAGE = "en"


def turns(run: Callable[[], Json]) -> None:
    """Run once to warm up, then once for each line of standard input, and say the seconds of each."""
    began = time.monotonic()
    run()
    say({"warm_up_seconds": round(time.monotonic() - began, 3)})
    for _ in sys.stdin:
        began = time.monotonic()
        told = run()
        say({"turn": {"seconds": round(time.monotonic() - began, 3), **told}})
