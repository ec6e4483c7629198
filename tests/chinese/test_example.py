"""The sentence after which Whisper is asked for marks."""

from __future__ import annotations

from pathlib import Path

from bili2text.chinese.example import EXAMPLES, example
from bili2text.chinese.normalise import ChineseRules, normalised
from bili2text.plan.stages import MARKING, SPOKEN
from bili2text.segments import Segment

ALL = {*EXAMPLES.values(), example("zh", "traditional")}


def test_the_memory_that_is_counted_for_asking_has_room_for_each(base_folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    for text in ALL:
        told = 1 + len(tokenizer.encode(f" {text}", add_special_tokens=False).ids)  # <|startofprev|> first
        assert told <= MARKING - SPOKEN


def test_it_is_in_the_script_it_is_asked_for_in_and_is_not_changed_by_the_rules() -> None:
    for script in ("simplified", "traditional"):
        text = example("zh", script)
        (after,) = normalised((Segment(0.0, 1.0, text),), ChineseRules(script))
        assert after.text == text
    assert example("zh", "auto") == example("zh", "keep") == EXAMPLES["zh"]
    assert example("yue", "simplified") == EXAMPLES["yue"]
