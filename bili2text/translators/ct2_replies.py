"""Tokens as CTranslate2's thread tells them -> replies, each as soon as it ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from bili2text.errors import PrecisionFailure
from bili2text.translators.chat import Chat
from bili2text.translators.engine import Reply

Step = Any  # what CTranslate2 tells has no types

# A device that computes nonsense in a precision gives token 0, which is "!" for Qwen, for ever: the largest
# of many NaN is the first (QwenLM/Qwen3#761)
_NONSENSE = 0
_NONSENSE_TOKENS = 16
_PULSE = 0.2  # seconds; Windows hears Ctrl-C only between two waits


class Listener:
    """Follows one batch. `hear` runs in the engine's thread, everything else in that of the caller."""

    def __init__(self, limits: Sequence[int], chat: Chat, precision: str) -> None:
        """Follow as many rows as there are `limits`, which are the tokens each may have at most."""
        self._limits = limits
        self._chat = chat
        self._precision = precision
        self._tokens: list[list[int]] = [[] for _ in limits]
        self._totals = [0.0 for _ in limits]
        self._ended: SimpleQueue[int] = SimpleQueue()
        self._replies: dict[int, Reply] = {}
        self._stopped = False

    def hear(self, step: Step) -> bool:
        """Take one token of one row; return whether the row ends with it though the model does not say so."""
        row = step.batch_id
        tokens = self._tokens[row]
        tokens.append(step.token_id)
        self._totals[row] += step.log_prob
        # nobody waits for the text of NaN, and it has no end
        ends = step.token_id in self._chat.end_ids or math.isnan(step.log_prob)
        if ends or step.is_last or len(tokens) >= self._limits[row]:
            self._ended.put(row)
            return True
        return self._stopped

    def stop(self) -> None:
        """End every row at its next token."""
        self._stopped = True

    def replies(self, over: Callable[[], bool]) -> Iterator[tuple[int, Reply]]:
        """Yield each row's place and reply as it ends, until all have or the batch is `over` by an error.

        Raises PrecisionFailure for a row that is no text.
        """
        while len(self._replies) < len(self._limits):
            done = over()
            try:
                row = self._ended.get(timeout=0 if done else _PULSE)
            except Empty:
                if done:
                    return
                continue
            mean = self._totals[row] / len(self._tokens[row])
            reply = reply_of(self._tokens[row], mean, self._limits[row], self._chat, self._precision)
            self._replies[row] = reply
            yield row, reply

    def all(self) -> list[Reply]:
        """Return the replies of all rows, in order."""
        return [self._replies[row] for row in range(len(self._limits))]


def reply_of(tokens: Sequence[int], score: float, limit: int, chat: Chat, precision: str) -> Reply:
    """Return tokens as a reply, cut at their limit; the token that ends them is counted, but is no text.

    Raises PrecisionFailure for what comes of NaN: a score that is none, or nothing but token 0.
    """
    only = len(tokens) >= _NONSENSE_TOKENS and set(tokens) == {_NONSENSE}
    if math.isnan(score) or only:
        raise PrecisionFailure(
            f"{precision} gives no text on this device, only {'!' if only else 'NaN'}",
            hint="use another precision: bfloat16, int8_float32 or float32",
        )
    kept = tokens[:limit]
    finished = bool(kept) and kept[-1] in chat.end_ids
    text = chat.text([token for token in kept if token not in chat.end_ids])
    return Reply(text=text, tokens=len(kept), finished=finished)
