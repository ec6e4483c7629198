"""The groups of a survey: every chunk is in one, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bili2text.audio.cuts import Cut
from bili2text.audio.damage import Damage
from bili2text.jobs.records import Pin, Survey
from bili2text.transcribe.language import Detected

PIN = Pin("base", "", "int8", 8, 5, 4, "cpu", "CPU")


@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 3))
def test_every_chunk_is_in_one_group(chunks: int, size: int, opening: int) -> None:
    cuts = tuple(Cut(index, index * 16_000, 16_000, ()) for index in range(chunks))
    opening = min(opening, chunks)
    survey = Survey(float(chunks), Damage(), cuts, size, Detected("en", 1.0), PIN, (), opening)
    groups = [survey.group(number) for number in range(survey.groups)]
    assert [cut for group in groups for cut in group] == list(cuts)
    assert all(groups)
    assert all(len(group) <= size for group in groups[1:])
    assert not groups or len(groups[0]) == min(opening or size, chunks)
    for number in range(survey.groups + 1):
        before = survey.before(number)
        assert before == sum(len(group) for group in groups[:number])
        assert survey.groups_with(before) == number
