"""Watches transformers generate: which row ended, what it said, whether it is text.

Logits processors and stopping criteria as transformers calls them; it does not ask for its own classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bili2text.errors import PrecisionFailure
from bili2text.translators.hf_torch import Tensor, libraries

# A device that computes nonsense gives token 0 for ever, the largest of equal numbers being the first; it
# is "!" in Qwen's vocabulary (QwenLM/Qwen3#761, SYSTRAN/faster-whisper#689)
_NONSENSE = 0
_NONSENSE_TOKENS = 16
_OTHER = "try another --precision: bfloat16 or float32"


@dataclass(frozen=True, slots=True)
class Ended:
    """What one row of a batch said."""

    tokens: tuple[int, ...]  # without the one that ends it
    finished: bool


class Watch:
    """A logits processor and, as `over`, a stopping criterion of one call of `generate` without beams.

    It keeps the logits of a step until the token that was chosen from them is known.
    """

    def __init__(
        self, start: int, limits: Sequence[int], ends: frozenset[int], told: Callable[[int, Ended], None]
    ) -> None:
        """`start` is the first new token's place, `limits` each row's most; `told` is called once a row."""
        self._start = start
        self._limits = tuple(limits)
        self._ends = ends
        self._told = told
        self._logits: Tensor = None
        self._open = set(range(len(limits)))

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:  # noqa: ARG002
        """Keep the logits as the model gave them."""
        self._logits = logits
        return logits

    def over(self, ids: Tensor) -> Tensor:
        """Return which rows are over, as a tensor of truths, after a token was added to each."""
        torch, _ = libraries()
        last = ids[:, -1:]
        likely = self._logits.gather(1, last).squeeze(1) - self._logits.logsumexp(1)
        step = torch.stack((last.squeeze(1).double(), likely.double())).tolist()
        count = ids.shape[1] - self._start
        for row in sorted(self._open):
            token, score = int(step[0][row]), step[1][row]
            if score != score or abs(score) == float("inf"):
                raise nonsense("what the model computes is not a number")
            end = token in self._ends
            if end or count >= self._limits[row]:
                self._end(row, ids, end)
        over = [row not in self._open for row in range(len(self._limits))]
        return torch.tensor(over, device=ids.device)

    def _end(self, row: int, ids: Tensor, end: bool) -> None:
        self._open.discard(row)
        said = ids[row, self._start :].tolist()
        tokens = tuple(said[:-1] if end else said)
        refuse_nonsense(tokens)
        self._told(row, Ended(tokens, end))


class Over:
    """The stopping criterion that a Watch is; it has another signature than a processor."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __call__(self, ids: Tensor, scores: Tensor, **_: object) -> Tensor:  # noqa: ARG002
        """Return which rows are over."""
        return self._watch.over(ids)


class BeamOver:
    """Ends the beams of each row at the row's own limit."""

    def __init__(self, start: int, limits: Sequence[int]) -> None:
        self._start = start
        self._limits = tuple(limits)

    def __call__(self, ids: Tensor, scores: Tensor, **_: object) -> Tensor:  # noqa: ARG002
        """Return which beams are over."""
        torch, _ = libraries()
        count = ids.shape[1] - self._start
        beams = ids.shape[0] // len(self._limits)
        return torch.tensor(
            [count >= limit for limit in self._limits for _ in range(beams)], device=ids.device
        )


class FirstLook:
    """Looks at the first probabilities of a batch whose tokens are chosen by beams."""

    def __init__(self) -> None:
        self._looked = False

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits. Raises PrecisionFailure where they are no numbers."""
        if not self._looked and not bool(logits.isfinite().all()):
            raise nonsense("what the model computes is not a number")
        self._looked = True
        return logits


class Without:
    """Makes tokens impossible. transformers' own compares all the vocabulary at each step."""

    def __init__(self, tokens: Tensor) -> None:
        self._tokens = tokens  # a tensor of ids on the model's device

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:  # noqa: ARG002
        """Return the logits without those tokens."""
        return logits.index_fill(1, self._tokens, float("-inf"))


def cut(said: Sequence[int], limit: int, ends: frozenset[int]) -> Ended:
    """Return a beam's reply without what follows its end. Raises PrecisionFailure for nonsense."""
    tokens: list[int] = []
    for token in said[:limit]:
        if token in ends:
            return Ended(tuple(tokens), finished=True)
        tokens.append(token)
    refuse_nonsense(tokens)
    return Ended(tuple(tokens), finished=False)


def refuse_nonsense(tokens: Sequence[int]) -> None:
    """Raise PrecisionFailure for a reply that is token 0 over and over."""
    if len(tokens) >= _NONSENSE_TOKENS and set(tokens) == {_NONSENSE}:
        raise nonsense("the model says one token over and over")


def nonsense(why: str) -> PrecisionFailure:
    """Return the failure of a precision that gives no text."""
    return PrecisionFailure(why, hint=_OTHER)
