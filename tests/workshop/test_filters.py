"""Which pairs are left out, and why; on real pairs, and on what real corpora are full of."""

from __future__ import annotations

from collections import Counter

import pytest
from hsk import pairs
from hypothesis import given
from hypothesis import strategies as st

from bili2text.seq2seq.values import Pair
from bili2text.workshop.data.filters import Rules, cleaned, pair_digest, reason, side_digests

RULES = Rules(min_chars=4, max_chars=60)
GOOD = Pair("这块布很软，也很便宜。", "This cloth is soft, and cheap too.")


def _why(raw: Pair) -> str | None:
    return reason(raw, cleaned(raw), RULES)


def test_every_real_pair_is_kept_that_is_long_enough() -> None:
    kept = Counter(reason(pair, cleaned(pair), Rules(min_chars=3)) for pair in pairs())
    assert kept == {None: 4272}
    assert set(Counter(reason(pair, cleaned(pair), Rules()) for pair in pairs())) == {None, "short"}


@pytest.mark.parametrize(
    ("zh", "en", "why"),
    [
        (GOOD.zh, GOOD.en, None),
        ("她用 Photoshop 和 GIMP 修照片。", "She edits photos with Photoshop and GIMP.", None),
        ("“好”字怎么写？", 'How is the character "好" written?', None),
        ("他远远超过了别人。", "PH", "placeholder"),
        ("树在风中摆动。", "placeholder-p1", "placeholder"),
        ("占位符是什么意思？", "What does placeholder mean?", None),
        ("OK, fine by me", "OK, fine by me", "equal"),
        ("你好。", "Hello there.", "short"),
        ("你好吗？", "Hi", "short"),
        ("很" * 61, "very " * 12, "long"),
        (GOOD.en, GOOD.zh, "script"),
        (GOOD.zh, "这块布很软，也很便宜，我很喜欢。", "script"),
        ("Cette étoffe est douce.", GOOD.en, "script"),
        ("この布はとても柔らかいです。", GOOD.en, "script"),
        ("이 천은 부드럽습니다.", GOOD.en, "script"),
        ("1234 5678", "1234, 5678", "script"),
        ("谢谢大家！", "Thank you all for coming here tonight, and goodbye.", "ratio"),
        ("这块布很软，也很便宜，我很喜欢它。", "Soft cloth.", "ratio"),
        ("这块布\x07很软。", GOOD.en, "control"),
        (GOOD.zh, "This cloth is \ud83dsoft.", "control"),
        ("这块布很\ufffd软。", GOOD.en, "control"),
    ],
)
def test_each_reason(zh: str, en: str, why: str | None) -> None:
    assert _why(Pair(zh, en)) == why


def test_what_is_invisible_is_taken_out_and_the_pair_kept() -> None:
    raw = Pair("\ufeff这块布\u200b很软，\u3000也很便宜。\r", "  This cloth\tis\xa0soft, and\ncheap too. ")
    assert cleaned(raw) == Pair("这块布很软， 也很便宜。", "This cloth is soft, and cheap too.")
    assert _why(raw) is None


@given(st.text(), st.text())
def test_any_text_is_cleaned_once_and_for_all_and_has_digests(zh: str, en: str) -> None:
    once = cleaned(Pair(zh, en))
    assert cleaned(once) == once
    assert not {"\n", "\t"} & set(once.zh + once.en)
    assert len(pair_digest(once)) == 8
    reason(Pair(zh, en), once, RULES)


def test_sides_are_the_same_where_only_case_blanks_width_and_punctuation_differ() -> None:
    one = side_digests(Pair("他说：你好ＡＢ！", "He said: hello AB!"))
    other = side_digests(Pair("他说“你好 AB”。", "he said, “Hello, ab”"))
    assert one == other
    assert not set(one) & set(side_digests(GOOD))
    assert side_digests(Pair("……", "..."))[0] != side_digests(Pair("！", "!"))[0]
