"""What Whisper is told before each Chinese window takes memory: it is counted, not guessed."""

from __future__ import annotations

from pathlib import Path

from bili2text.chinese.prompt import PROMPTS, tokens_at_most


def test_the_tokens_of_each_prompt_are_what_whispers_tokenizer_makes_of_it(base_folder: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    for text in PROMPTS.values():
        assert tokens_at_most(text) == len(tokenizer.encode(f" {text}", add_special_tokens=False).ids)
    assert tokens_at_most("一句别的话") == len(" 一句别的话".encode())
