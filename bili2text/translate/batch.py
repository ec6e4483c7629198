"""One group of sentences through a translator: asked, checked, repaired.

What is asked in each round follows from this run's own replies alone, never from what was written down
before: so a group that was interrupted and is asked again is asked the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bili2text.translate.checks import faults
from bili2text.translate.groups import Group
from bili2text.translate.manner import Manner
from bili2text.translate.prompts import prompt, reflect
from bili2text.translate.repair import Ask, Attempt, Repair, again, is_still, outcome, rounds, seed
from bili2text.translate.replies import cleaned
from bili2text.translate.values import Said, Task
from bili2text.translators.engine import Decoding, Prompt, Reply

# Asks a translator, in batches as large as it can take; what it does with replies is the protocol's `told`.
Asking = Callable[[tuple[Prompt, ...], Decoding, Callable[[int, Reply], None]], tuple[Reply, ...]]


@dataclass(frozen=True, slots=True)
class Around:
    """What a group's replies are compared with. It is the same whenever the group is asked."""

    neighbours: Mapping[int, tuple[str, ...]]  # for each sentence's number, the sources near it
    others: Mapping[str, str]  # translations of other sentences that it may not copy, by their source


@dataclass(slots=True)
class _Line:
    """A sentence on its way."""

    task: Task
    prompt: Prompt
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        return bool(self.attempts[-1].faults)

    @property
    def text(self) -> str:
        return self.task.sentence.text


def translated(
    group: Group,
    manner: Manner,
    around: Around,
    ask: Asking,
    good: Callable[[Said], None],
    *,
    turn: int = 0,
) -> tuple[Said, ...]:
    """Return a translation of every sentence of a group, in the group's order.

    `good` is told each one that is good as soon as it is there. `turn` counts how often the sentences were
    asked before, so that sampling takes other seeds. Raises what `ask` and `good` raise.
    """
    return _Batch(group, manner, around, ask, good, turn).run()


class _Batch:
    def __init__(
        self,
        group: Group,
        manner: Manner,
        around: Around,
        ask: Asking,
        good: Callable[[Said], None],
        turn: int,
    ) -> None:
        self._manner, self._around, self._turn = manner, around, turn
        self._ask, self._good = ask, good
        self._lines = [_Line(task, prompt(task, manner.direction, manner.profile)) for task in group]

    def run(self) -> tuple[Said, ...]:
        prompts = [line.prompt for line in self._lines]
        self._try(self._lines, prompts, self._manner.decoding, "", tell=not self._manner.reflect)
        if self._manner.reflect:
            self._reflect([line for line in self._lines if not line.bad])
        repairs = rounds(self._manner.profile)
        for place, repair in enumerate(repairs):
            self._repair(repair, self._turn * len(repairs) + place)
        return tuple(outcome(line.task, line.attempts) for line in self._lines)

    def _reflect(self, lines: Sequence[_Line]) -> None:
        """Show each good draft to the model once more; what comes back is kept if it is good, too.

        And still that draft: what has little in common with it is talk about it, or another line's.
        """
        drafts = [line.attempts[-1] for line in lines]
        prompts = [reflect(line.prompt, draft.text) for line, draft in zip(lines, drafts, strict=True)]
        self._try(lines, prompts, self._manner.decoding, "", tell=False)
        for line, draft in zip(lines, drafts, strict=True):
            kept = not line.bad and is_still(draft.text, line.attempts[-1].text)
            line.attempts = [line.attempts[-1] if kept else draft]
            self._good(outcome(line.task, line.attempts))

    def _repair(self, repair: Repair, turn: int) -> None:
        """Ask again for what is bad still and may be mended in this way; one call for each decoding."""
        asked: dict[Decoding, list[tuple[_Line, Ask]]] = {}
        for line in self._lines:
            ask = again(repair, line.task, line.prompt, line.attempts, self._manner) if line.bad else None
            if ask is not None:
                asked.setdefault(ask.decoding, []).append((line, ask))
        for decoding, pairs in asked.items():
            lines = [line for line, _ in pairs]
            if decoding.temperature:
                # one seed for all: an engine that must load its model anew to be seeded does so once
                decoding = replace(decoding, seed=seed(lines[0].task.sentence.number, turn))
            self._try(lines, [ask.prompt for _, ask in pairs], decoding, repair)

    def _try(
        self,
        lines: Sequence[_Line],
        prompts: Sequence[Prompt],
        decoding: Decoding,
        repair: str,
        *,
        tell: bool = True,
    ) -> None:
        found: dict[int, Attempt] = {}

        def told(place: int, reply: Reply) -> None:
            if place in found:
                return
            line = lines[place]
            found[place] = attempt = self._attempt(line.task, reply, repair)
            if tell and not attempt.faults:
                self._good(outcome(line.task, (*line.attempts, attempt)))

        if not lines:
            return
        for place, reply in enumerate(self._ask(tuple(prompts), decoding, told)):
            told(place, reply)
        for place, line in enumerate(lines):
            line.attempts.append(found[place])

    def _attempt(self, task: Task, reply: Reply, repair: str) -> Attempt:
        text = cleaned(reply.text, task, self._manner.direction)
        found = faults(
            task,
            text,
            reply,
            self._manner.direction,
            neighbours=self._around.neighbours.get(task.sentence.number, ()),
            earlier=self._around.others,
        )
        return Attempt(text, found, reply.text, repair)
