"""What is suspicious, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text.audio.chunks import Span
from bili2text.segments import Segment
from bili2text.transcribe import doubt
from bili2text.transcribe.doubt import Text, doubts
from bili2text.transcribe.loops import looped
from bili2text.transcribe.phantoms import Phantom, phantom
from bili2text.transcribe.writing import letters

ENGLISH = (
    " Printing, then, for our purpose, may be considered as the art of making books",
    " by means of movable types, and it is worth mention in passing.",
)
CHINESE = ("随便搜一首沧浪之歌,新闻上都在播呢,", "即便是一些高价低廉的别墅项目也被广泛传播。")


def text(*said: str, language: str = "en", told: str = "", seconds: float = 4.0, **more: float) -> Text:
    """Return segments one after the other, all in speech."""
    segments = tuple(
        Segment(start=i * seconds, end=(i + 1) * seconds, text=one, **more)  # type: ignore[arg-type]
        for i, one in enumerate(said)
    )
    end = max(len(said), 1) * seconds
    return Text(0.0, end, (Span(0.0, end),), segments, language, language, told)


def kinds(one: Text) -> list[str]:
    return [found.kind for found in doubts(one)]


@pytest.mark.parametrize(("said", "language"), [(ENGLISH, "en"), (CHINESE, "zh")])
def test_good_text_is_not_doubted(said: tuple[str, ...], language: str) -> None:
    assert doubts(text(*said, language=language, told="Names: Kubernetes, William Morris.")) == ()


@pytest.mark.parametrize(
    ("said", "language", "kind"),
    [
        ((" and so on" * 9,), "en", doubt.REPETITION),
        ((" Mm" + "m" * 40,), "en", doubt.REPETITION),
        (("我们走吧" * 5,), "zh", doubt.REPETITION),
        ((" I do not know that.", " Well, what then?", *[" I do not know that."] * 2), "en", doubt.REPEATED),
        ((" See the cat, see the dog, see the cat and see the dog then," * 3,), "en", doubt.COMPRESSION),
        ((ENGLISH[0] * 3,), "en", doubt.FAST),
        (("好",), "zh", doubt.SPARSE),
        ((" Subtitles by the Amara.org community",), "en", doubt.PHANTOM),
        (("请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",), "zh", doubt.PHANTOM),
        (("♪♪",), "zh", doubt.PHANTOM),
        (("ご視聴ありがとうございました",), "zh", doubt.SCRIPT),
        ((" 谢谢大家, thanks",), "en", doubt.SCRIPT),
        ((" Thank you all for coming here today.",), "zh", doubt.SCRIPT),
    ],
)
def test_each_kind_of_trouble_is_seen(said: tuple[str, ...], language: str, kind: str) -> None:
    assert kind in kinds(text(*said, language=language))


def test_an_unlikely_text_is_doubted_with_its_measure() -> None:
    (found,) = doubts(text(*ENGLISH, avg_logprob=-1.5))
    assert (found.kind, found.value) == (doubt.UNLIKELY, pytest.approx(-1.5))
    assert found.value < found.limit


def test_the_prompt_in_the_text_is_doubted_and_a_name_from_it_is_not() -> None:
    prompt = "以下是普通话的句子。"
    assert doubt.TOLD in kinds(text("以下是普通话的句子", language="zh", told=prompt))
    assert doubt.TOLD not in kinds(text("他说以下是他的看法,大家听一听", language="zh", told=prompt))
    names = "Kubernetes, William Morris, Kelmscott Press"
    assert doubt.TOLD not in kinds(text(" It was William Morris who founded the press.", told=names))
    assert doubt.TOLD in kinds(text(" Kubernetes, William Morris, Kelmscott Press.", told=names))


def test_a_farewell_is_doubted_in_silence_and_believed_in_speech() -> None:
    said = text(" Thanks for watching!", seconds=2.0)
    assert kinds(said) == []
    silent = Text(0.0, 2.0, (), said.segments, "en")
    assert kinds(silent) == [doubt.UNSPOKEN, doubt.PHANTOM]
    assert doubt.PHANTOM in kinds(text(" Thanks for watching!", seconds=2.0, no_speech_prob=0.9))


def test_a_phantom_phrase_within_a_sentence_is_none() -> None:
    assert phantom("他说请不吝点赞订阅转发打赏支持明镜与点点栏目是什么意思") is Phantom.NONE
    assert (
        phantom("Subtitles by hand are better than subtitles by a machine, or so it was said") is Phantom.NONE
    )
    assert phantom("請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目!") is Phantom.WRITTEN
    assert phantom("Thanks for watching!") is Phantom.SAID


def test_speech_that_no_segment_covers_is_counted_once() -> None:
    one = text(*ENGLISH)
    gone = Text(0.0, 12.0, (Span(0.0, 12.0),), (*one.segments, one.segments[0]), "en")
    assert doubt.unheard(gone) == pytest.approx(4.0)
    assert doubt.UNHEARD in kinds(gone)


@settings(max_examples=200, deadline=None)
@given(st.text("abc", min_size=1, max_size=5), st.integers(3, 12), st.text("xyz", max_size=6))
def test_what_is_said_over_and_over_counts_but_for_its_first_turn(said: str, times: int, around: str) -> None:
    assert looped(around + said * times + around) >= len(said) * (times - 1)
    assert looped(said * 2) <= 2 * len(said) - 1


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(max_size=40), max_size=5), st.sampled_from(["en", "zh", "xx"]), st.text(max_size=20))
def test_any_text_can_be_judged_and_always_the_same(said: list[str], language: str, told: str) -> None:
    one = text(*said, language=language, told=told)
    assert doubts(one) == doubts(one)
    assert letters(letters("".join(said))) == letters("".join(said))


def test_a_segment_stretched_over_speech_is_too_sparse_though_the_chunk_is_not() -> None:
    speech = (Span(0.5, 2.7), Span(4.5, 6.2), Span(7.9, 12.2), Span(13.8, 18.3))
    segments = (
        Segment(0.4, 12.5, "随便搜一手 仓浪之歌。"),
        Segment(13.7, 18.5, "这份希望中小股东一致行动的唱一书被广泛传播。" * 2),
    )
    text = Text(0.0, 18.6, speech, segments, "zh", "zh")
    (found,) = [one for one in doubts(text) if one.kind == doubt.SPARSE]
    assert found.value == pytest.approx(9 / 8.2, abs=0.01)
    assert doubt.missing(text) == pytest.approx((2.8 * 8.2 - 9) / (2.8 * text.spoken), abs=0.01)
    whole = replace(
        text,
        segments=(
            replace(segments[0], text="随便搜一首沧浪之歌新闻上都在播呢即便是一些高价低廉的别墅项目"),
            segments[1],
        ),
    )
    assert not [one for one in doubts(whole) if one.kind == doubt.SPARSE]
    assert doubt.missing(whole) == 0.0


@pytest.mark.parametrize(
    ("said", "language", "seconds"),
    [("555-867-5309", "en", 3.7), ("13800138000", "zh", 4.5), ("1, 2, 3, 4, 5, 6, 7, 8, 9, 10.", "es", 6.0)],
)
def test_digits_are_said_as_words(said: str, language: str, seconds: float) -> None:
    assert doubt.SPARSE not in kinds(text(said, language=language, seconds=seconds))
