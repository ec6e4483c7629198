"""A teacher's tokenizer in the form of Qwen's, small: byte-level BPE, ends that are added, numbers to spare."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SIZE = 1000  # of the embedding
ENDS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# Qwen's own rule of cutting (its tokenizer.json)
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def write(path: Path, texts: Iterable[str], tokens: int = 900) -> None:
    """Learn and write it: `tokens` of text and bytes, then the ends."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=tokens, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens(list(ENDS))
    tokenizer.save(str(path))
