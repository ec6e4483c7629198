"""Which sentences are asked together. Pure.

In int8 a reply depends on what else is in its batch, so batches are fixed before the first word: by the
sentences and the batch size alone. Within a stretch of time they are sorted by length, so that a batch holds
no long sentence for which the short ones wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from bili2text.translate.checks import is_copy
from bili2text.translate.values import Said, Task

_NEAR = 3  # sentences before and after one, of whose sources its translation may be no copy
_STRETCH = 8  # batches sorted together: even enough, and what is said early is still translated early

Group = tuple[Task, ...]


def groups(tasks: Sequence[Task], batch_size: int) -> tuple[Group, ...]:
    """Return the tasks in groups of `batch_size`, the last of them smaller.

    The groups of a stretch come longest first: where memory is short, that shows at once.
    """
    found: list[Group] = []
    for first in range(0, len(tasks), _STRETCH * batch_size):
        stretch = sorted(tasks[first : first + _STRETCH * batch_size], key=_size)
        found += (tuple(stretch[at : at + batch_size]) for at in range(0, len(stretch), batch_size))
    return tuple(found)


def repeats(tasks: Sequence[Task]) -> dict[int, int]:
    """Return, for each sentence's number, that of the first sentence that is asked with the same words.

    The same sentence with the same context and terms has one translation.
    """
    firsts: dict[tuple[object, ...], int] = {}
    return {
        task.sentence.number: firsts.setdefault(
            (task.sentence.text, task.before, task.after, task.terms), task.sentence.number
        )
        for task in tasks
    }


def neighbours(tasks: Sequence[Task]) -> dict[int, tuple[str, ...]]:
    """Return, for each sentence's number, the other sentences near it and those it is told with."""
    texts = [task.sentence.text for task in tasks]
    found: dict[int, tuple[str, ...]] = {}
    for at, task in enumerate(tasks):
        near = (*texts[max(0, at - _NEAR) : at], *texts[at + 1 : at + 1 + _NEAR], *task.before, *task.after)
        found[task.sentence.number] = tuple(dict.fromkeys(one for one in near if one != texts[at]))
    return found


def copies(
    tasks: Sequence[Task], said: Mapping[int, Said], near: Mapping[int, Sequence[str]]
) -> tuple[int, ...]:
    """Return the numbers of good translations that are, or hold, those of sentences before them.

    `near` is what `neighbours` tells: those of near sentences are looked for within a translation, too.
    It takes the whole job, in the order of its sentences, to say which of two is the copy: a model translates
    what it was told for context.
    """
    often = Counter(one.text for one in said.values())
    known: dict[str, str] = {}
    found: list[int] = []
    for task in tasks:
        one = said[task.sentence.number]
        if one.needs_review:
            continue
        source, around = task.sentence.text, near[one.number]
        others = known if often[one.text] > 1 else {text: known[text] for text in around if text in known}
        if is_copy(one.text, source, others, around):
            found.append(one.number)
        else:
            known[source] = one.text
    return tuple(found)


def _size(task: Task) -> tuple[int, int]:
    # bytes of UTF-8 are nearer to tokens than characters are: a Han character is about one, and three bytes
    return -len(task.sentence.text.encode("utf-8", "replace")), task.sentence.number
