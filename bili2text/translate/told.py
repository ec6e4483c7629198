"""What comes of a job, and how it is told. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bili2text.translate.groups import repeats
from bili2text.translate.records import Pin, Step, recall
from bili2text.translate.values import Said, Task

# Hears of each translation when it is written down; of a better one of the same sentence later.
Told = Callable[[Task, Said], None]


class StaleJob(Exception):
    """What the journal holds counts no more; the message says why."""


@dataclass(frozen=True, slots=True)
class Translated:
    """All that came of a job."""

    said: tuple[Said, ...]  # one for each task, in their order
    steps: tuple[Step, ...]
    asked: int  # sentences that this run has written down
    resumed: int  # sentences that earlier runs had
    work: float  # seconds of this run, steps down included
    pin: Pin | None = None  # the translator that wrote last; None where there was nothing to ask

    @property
    def failed(self) -> tuple[Said, ...]:
        """What a person should look at."""
        return tuple(one for one in self.said if one.needs_review)


def as_line(task: Task, said: Said) -> str:
    """Return a sentence and its translation as one line of a log."""
    review = f" [needs review: {', '.join(said.faults)}]" if said.faults else ""
    return f"{said.number + 1}: {task.sentence.text} -> {said.text}{review}"


def there(tasks: Sequence[Task], records: Iterable[Mapping[str, Any]]) -> set[int]:
    """Return the sentences that a journal has a translation of; none where it makes no sense."""
    firsts = repeats(tasks)
    try:
        said = recall(records, sorted(set(firsts.values()))).said
    except ValueError:
        return set()
    return {number for number, first in firsts.items() if first in said}
