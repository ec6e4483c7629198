"""Vocabularies as the JSON of the `tokenizers` library, changed: tokens numbered anew, kept, added. Pure.

Only BPE is understood: its merges name tokens by their text, so that numbers can be changed freely.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bili2text.errors import ModelError
from bili2text.seq2seq.values import END, LANGUAGE_TOKENS, SPECIALS, UNKNOWN

# how the Qwen family ends a text and a turn (their tokenizer_config.json and generation_config.json)
TEACHER_ENDS = ("<|endoftext|>", "<|im_end|>")
OURS = (*SPECIALS, *LANGUAGE_TOKENS.values())


def vocabulary(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Return the number of each token, added ones included. Raises ModelError where the model is no BPE."""
    return {**_bpe(tokenizer)["vocab"], **{one["content"]: one["id"] for one in _added(tokenizer)}}


def filled(tokenizer: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Return the tokenizer with a name for each number below `size`; a text never becomes one of the new.

    Raises ModelError where it has a larger number.
    """
    known = vocabulary(tokenizer)
    taken = set(known.values())
    if max(taken) >= size:
        raise ModelError(f"the vocabulary has token {max(taken)}, the model only {size}")
    new = {_unused(number): number for number in range(size) if number not in taken}
    # the added ones too: the library numbers those anew that the model does not know
    return _with_model(tokenizer, vocab={**known, **new})


def kept(tokenizer: Mapping[str, Any], wanted: Iterable[int]) -> tuple[dict[str, Any], npt.NDArray[np.int32]]:
    """Return the tokenizer with only the tokens wanted, and their old numbers in the order of the new.

    Kept beside them: the special tokens, both languages, and the parts that BPE makes the wanted ones of.
    """
    numbers, merges = vocabulary(tokenizer), _merges(tokenizer)
    parts = {left + right: (left, right) for left, right in reversed(merges)}  # the earliest merge of each
    names = {number: name for name, number in numbers.items()}
    stack = [names[number] for number in wanted if number in names]
    stack += [name for name in OURS if name in numbers]
    staying: set[str] = set()
    while stack:
        name = stack.pop()
        if name not in staying:
            staying.add(name)
            stack.extend(parts.get(name, ()))
    old = sorted(numbers[name] for name in staying)
    new = {number: place for place, number in enumerate(old)}
    made = _with_model(
        tokenizer,
        vocab={name: new[number] for name, number in numbers.items() if name in staying},
        merges=[[a, b] for a, b in merges if {a, b, a + b} <= staying],
    )
    made["added_tokens"] = [
        {**one, "id": new[one["id"]]} for one in _added(tokenizer) if one["content"] in staying
    ]
    return made, np.array(old, dtype=np.int32)


def of_teacher(tokenizer: Mapping[str, Any], size: int) -> tuple[dict[str, Any], npt.NDArray[np.int32]]:
    """Return a student's tokenizer made of a byte-level teacher's, and its number for each of the teacher's.

    The text's tokens stay where they are, but for those where our special ones stand: these move to numbers
    that the teacher's embedding has and its text never uses. The teacher's ends become ours; what has no
    meaning for a student is UNKNOWN. Both arrays are [size]. Raises ModelError where there is no room, or
    where the teacher is no byte-level BPE or has no end.
    """
    known, merges = vocabulary(tokenizer), _merges(tokenizer)
    text = _alphabet() | {left + right for left, right in merges}
    if not {"Ġ", "ä"} <= known.keys() or not text <= known.keys():
        raise ModelError(
            "the teacher's vocabulary is no byte-level BPE", hint="take a teacher of Qwen's family"
        )
    ends = [known[name] for name in TEACHER_ENDS if name in known]
    if not ends:
        raise ModelError(f"the teacher's vocabulary has none of {', '.join(TEACHER_ENDS)}")
    used = sorted(known[name] for name in text)
    added = {one["id"] for one in _added(tokenizer)}
    free = sorted(set(range(size)) - set(used) - added)
    moved = [number for number in range(len(SPECIALS)) if number in used]
    if used[-1] >= size or len(free) < len(moved) + len(LANGUAGE_TOKENS):
        raise ModelError(
            f"a vocabulary of {size} has no room for the teacher's {used[-1] + 1} tokens and ours"
        )
    student = np.full(size, UNKNOWN, dtype=np.int32)
    student[used] = used
    student[moved] = free[len(free) - len(moved) :]
    student[[number for number in ends if number < size]] = END
    languages = free[: len(LANGUAGE_TOKENS)]
    # a token of text may be called as one of ours: Qwen has "</s>", which its own rules of cutting never make
    # the order of a set is another one in each process, and a vocabulary's file has to have the same bytes
    vocab = {name: int(student[known[name]]) for name in sorted(text.difference(OURS), key=known.__getitem__)}
    vocab |= {name: number for number, name in enumerate(SPECIALS)}
    vocab |= dict(zip(LANGUAGE_TOKENS.values(), languages, strict=True))
    clashing = text & set(OURS)
    made = _with_model(
        tokenizer, vocab=vocab, merges=[[a, b] for a, b in merges if not {a, b, a + b} & clashing]
    )
    return filled({**made, "added_tokens": [], "post_processor": None}, size), student


def _bpe(tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    model = tokenizer.get("model")
    if not isinstance(model, dict) or not isinstance(model.get("vocab"), dict) or "merges" not in model:
        raise ModelError("the vocabulary is no BPE of the tokenizers library")
    return model


def _added(tokenizer: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    return cast("Sequence[dict[str, Any]]", tokenizer.get("added_tokens") or ())


def _merges(tokenizer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the merges, which older files hold as "a b"."""
    found = []
    for merge in _bpe(tokenizer)["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        found.append((left, right))
    return found


def _alphabet() -> set[str]:
    from tokenizers import pre_tokenizers

    return set(pre_tokenizers.ByteLevel.alphabet())


def _unused(number: int) -> str:
    return f"<unused{number}>"


def _with_model(tokenizer: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    return {**tokenizer, "model": {**_bpe(tokenizer), **changes}}
