"""What an earlier run wrote into a journal, taken only if it makes sense as a whole. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bili2text.jobs.records import Group, Step, Survey, entry_of
from bili2text.transcribe.run import GroupHeard


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a journal holds: a survey, the groups heard from the first on, and the steps between them."""

    survey: Survey | None = None  # None: nothing at all
    groups: tuple[GroupHeard, ...] = ()
    steps: tuple[Step, ...] = ()


def recall(records: Iterable[Mapping[str, Any]]) -> Recalled:
    """Return what the records say. Raises ValueError, with the reason, for what no run of ours writes.

    A checksum tells that a line is as it was written, not that what was written makes sense.
    """
    entries = [entry_of(record) for record in records]
    if not entries:
        return Recalled()
    surveys = [entry for entry in entries if isinstance(entry, Survey)]
    if len(surveys) != 1 or entries[0] is not surveys[0]:
        raise ValueError("it does not begin with its only survey")
    (survey,) = surveys
    _check_survey(survey)
    groups: list[GroupHeard] = []
    steps: list[Step] = []
    for entry in entries[1:]:
        if isinstance(entry, Step):
            steps.append(entry)
        elif isinstance(entry, Group):
            _check_group(entry, len(groups), survey)
            groups.append(entry.heard)
    return Recalled(survey, tuple(groups), tuple(steps))


def _check_survey(survey: Survey) -> None:
    if survey.group_size < 1:
        raise ValueError(f"groups of {survey.group_size} chunks")
    if not 0 <= survey.opening <= len(survey.cuts):
        raise ValueError(f"a first group of {survey.opening} chunks")
    if not (math.isfinite(survey.duration) and survey.duration >= 0):
        raise ValueError("a duration that is none")
    end = 0
    for index, cut in enumerate(survey.cuts):
        if cut.index != index or cut.first < end or cut.count < 1:
            raise ValueError(f"chunk {index} is out of place")
        end = cut.first + cut.count


def _check_group(group: Group, number: int, survey: Survey) -> None:
    wanted = [cut.index for cut in survey.group(number)]
    if group.number != number or not wanted or [chunk.index for chunk in group.heard.chunks] != wanted:
        raise ValueError(f"group {number} is out of place")
