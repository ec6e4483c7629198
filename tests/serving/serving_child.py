"""A resident translator in a process of its own, and what the tests have it say.

The last turn of a prompt is one of "say TEXT", "slow SECONDS", "fail CLASS", "break", "short".
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from bili2text import errors
from bili2text.serving.server import serve
from bili2text.serving.values import Limits, Served
from bili2text.translators.engine import GREEDY, Reply


class Scripted:
    """A Translator that does as it is told, and remembers its calls."""

    precision = "float32"

    def __init__(self, room: int = 1000):
        self.room = room  # prompts at once, before it runs out of memory
        self.calls: list[tuple] = []
        self.loads = 0
        self.closes = 0
        self.threads: set = set()

    def load(self):
        self.loads += 1
        self.threads.add(threading.current_thread().name)
        return self

    def generate(self, prompts, decoding=GREEDY, told=None):
        self.calls.append((tuple(one.messages[-1].text for one in prompts), decoding))
        self.threads.add(threading.current_thread().name)
        if len(prompts) > self.room:
            raise errors.OutOfMemory("no room")
        found = []
        for place, one in enumerate(prompts):
            found.append(self._obeyed(one))
            if (
                told is not None and place % 2
            ):  # the protocol says each; one that forgets some is answered too
                told(place, found[-1])
        short = any(one.messages[-1].text == "short" for one in prompts)
        return tuple(found[1:] if short else found)

    def _obeyed(self, one):
        verb, _, rest = one.messages[-1].text.partition(" ")
        if verb == "fail":
            raise getattr(errors, rest)(f"as {rest} was ordered")
        if verb == "break":
            raise KeyError("a secret")
        if verb == "slow":
            time.sleep(float(rest))
        words = rest.split()[: one.max_new_tokens]
        return Reply(" ".join(words), len(words), len(words) < one.max_new_tokens)

    def close(self):
        self.closes += 1


if __name__ == "__main__":
    where = None if sys.argv[2] == "socket" else int(sys.argv[2])
    serve(Path(sys.argv[1]), Scripted, Served("scripted", where), Limits(grace=float(sys.argv[3])))
