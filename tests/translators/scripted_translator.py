"""A translator's process whose model does what each prompt says: a fake for what no real one does on demand.

The last turn of a prompt is one of "say TEXT", "fail CLASS", "break", "hang", "abort LAST WORDS".
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bili2text import errors
from bili2text.remote.plain import typed
from bili2text.remote.serve import serve
from bili2text.translators.engine import GREEDY, Decoding, Load, Prompt, Reply
from bili2text.translators.talk import WORDS
from bili2text.translators.worker import service


def main() -> NoReturn:
    serve(lambda order: service(Scripted(typed(Load, order))), WORDS)


class Scripted:
    """Replies in the reverse order of its prompts, and last of all returns them in theirs."""

    def __init__(self, load: Load) -> None:
        if not load.folder.is_dir():
            raise errors.ModelError("no such folder", hint="look again")
        script = Path(load.folder, "at_loading")
        if script.exists():
            obeyed(script.read_text(encoding="utf-8"))
        self.precision = load.precision

    def generate(
        self,
        prompts: tuple[Prompt, ...],
        decoding: Decoding = GREEDY,
        told: Callable[[int, Reply], None] | None = None,
    ) -> tuple[Reply, ...]:
        replies: dict[int, Reply] = {}
        for index, prompt in reversed(list(enumerate(prompts))):
            text = obeyed(prompt.messages[-1].text)
            replies[index] = Reply(text, len(text), finished=True)
            if told is not None:
                told(index, replies[index])
        return tuple(replies[index] for index in sorted(replies))

    def close(self) -> None: ...


def obeyed(order: str) -> str:
    """The reply that an order asks for, where it asks for one."""
    verb, _, rest = order.partition(" ")
    if verb == "fail":
        raise getattr(errors, rest)(f"as {rest} was ordered", hint="order otherwise")
    if verb == "break":
        raise ValueError("broken\nin two")
    if verb == "hang":
        time.sleep(600)
    if verb == "abort":
        os.write(2, f"{rest}\n".encode())
        os.abort()
    return rest
