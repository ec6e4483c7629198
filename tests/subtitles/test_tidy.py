"""Whatever the times and texts are, tidy segments can be written."""

import math

from hypothesis import given
from hypothesis import strategies as st

from bili2text.segments import Segment, Word
from bili2text.subtitles.tidy import tidy

TIME = st.floats(allow_nan=True, allow_infinity=True)
WORD = st.builds(Word, TIME, TIME, st.text(max_size=5), TIME)
SEGMENT = st.builds(Segment, TIME, TIME, st.text(max_size=8), st.tuples(WORD, WORD))


@given(st.lists(SEGMENT, max_size=6))
def test_any_segments_come_out_in_order_and_tidying_twice_is_once(segments: list[Segment]) -> None:
    tidied = tidy(segments)
    assert tidy(tidied) == tidied
    assert [segment.start for segment in tidied] == sorted(segment.start for segment in tidied)
    for segment in tidied:
        times = [
            segment.start,
            *(time for word in segment.words for time in (word.start, word.end)),
            segment.end,
        ]
        assert times == sorted(times)
        assert all(math.isfinite(time) and time >= 0 for time in times)


def test_segments_without_text_go_and_a_words_blank_stays() -> None:
    words = (Word(0, 1, " one", 0.5), Word(1, 2, "\x07", 0.5), Word(1, 2, "\ttwo", math.nan))
    (segment,) = tidy([Segment(0, 1, " \u200b "), Segment(0, 2, " one\n two", words)])
    assert segment.text == "one two"
    assert [word.text for word in segment.words] == [" one", " two"]


def test_a_missing_time_is_the_neighbours() -> None:
    first, second = tidy([Segment(1, 2, "a"), Segment(math.nan, math.inf, "b")])
    assert (first.end, second.start, second.end) == (2, 2, 2)
