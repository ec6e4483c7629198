"""Where a line may end, and when each piece was said."""

import pytest

from bili2text.segments import Segment, Word
from bili2text.subtitles.atoms import atoms


def pieces(text: str) -> list[str]:
    return [atom.text for atom in atoms(Segment(0, 1, text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, world!", ["Hello,", "world!"]),
        ("你好，世界。", ["你", "好，", "世", "界。"]),
        ("他说：“你好！”然后", ["他", "说：", "“你", "好！”", "然", "后"]),
        ("（注）《书》", ["（注）", "《书》"]),
        ("用Python3.11写", ["用", "Python3.11", "写"]),
        ("涨了12.5%，约￥300元", ["涨", "了", "12.5%，", "约", "￥300", "元"]),
        ("真的……吗——是", ["真", "的……", "吗——", "是"]),
        ("コンピュータの本ゃ", ["コンピュータ", "の", "本ゃ"]),
        ("我说'好'了", ["我", "说'好'了"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("Bonjour ! « Oui »", ["Bonjour !", "« Oui »"]),
        (
            "see https://example.com/a/very-long?path=1,2 now",
            ["see", "https://example.com/a/very-long?path=1,2", "now"],
        ),
        ("well-known don't 3,000", ["well-known", "don't", "3,000"]),
        ("好👩\u200d👧的🇨🇳🇩🇪", ["好", "👩\u200d👧", "的", "🇨🇳", "🇩🇪"]),
        ("เป็น", ["เป็", "น"]),
    ],
)
def test_a_line_ends_only_where_the_script_lets_it(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_words_that_spell_the_text_give_the_times() -> None:
    words = (Word(1.0, 1.4, " Hello,", 0.9), Word(2.0, 2.5, " world", 0.9))
    first, second = atoms(Segment(1, 2.5, "Hello, world", words))
    assert (first.start, first.end, second.start, second.end) == (1.0, 1.4, 2.0, 2.5)


def test_a_word_of_several_characters_is_known_to_be_one() -> None:
    words = (Word(0, 1, "我们", 0.9), Word(1, 2, "喜欢", 0.9))
    found = atoms(Segment(0, 2, "我们喜欢", words))
    assert [atom.inner for atom in found] == [False, True, False, True]
    assert [atom.start for atom in found] == [0, 0.5, 1, 1.5]


def test_words_of_another_text_are_not_believed() -> None:
    found = atoms(Segment(0, 4, "one two", (Word(3, 4, "three", 0.9),)))
    assert found[0].start == 0
    assert found[1].end <= 4


def test_without_words_a_syllable_takes_its_share() -> None:
    long, short, tail = atoms(Segment(0, 6, "abcdef 好好"))
    assert (long.end, short.end, tail.end) == (3, 4.5, 6)


def test_a_word_stretched_over_silence_ends_when_it_was_said() -> None:
    words = (Word(0, 8, " so", 0.9), Word(8, 8.4, " then", 0.9))
    first, second = atoms(Segment(0, 8.4, "so then", words))
    assert first.end == 1.5
    assert second.start == 8
