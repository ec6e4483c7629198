"""A model's tokenizer and chat template: turns -> tokens, tokens -> text. Without torch or transformers.

What transformers' `apply_chat_template` gives, from the same files: tokenizer.json, tokenizer_config.json
and chat_template.jinja (or the template within tokenizer_config.json, as older folders have it).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from bili2text.errors import ModelError
from bili2text.files import clean_text
from bili2text.models.json_object import read_json
from bili2text.translators.engine import Message
from bili2text.translators.template import LARGEST, Template

_NAMES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
_ENDS = ("<|im_end|>", "<|endoftext|>")  # of ChatML and Qwen; a folder's configurations often name one alone
_MARKUP = re.compile(r"[<\[].+[>\]]|<.*|.*>")  # what a token that steers a model looks like


class Chat:
    """How one model is talked to."""

    def __init__(self, tokenizer: Tokenizer, template: Template, ends: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self._template = template
        self.ends: tuple[str, ...] = tuple(ends)  # the tokens that end a reply
        self.end_ids: frozenset[int] = frozenset(
            number for end in ends if (number := tokenizer.token_to_id(end)) is not None
        )
        steering = [one.content for one in tokenizer.get_added_tokens_decoder().values()]
        self._steering = _any_of([token for token in steering if _MARKUP.fullmatch(token)])

    @staticmethod
    def read(folder: Path) -> Chat:
        """Return the chat of a model's folder, as transformers or as our conversion writes it.

        Raises ModelError for a folder without a tokenizer or a template, or with broken ones.
        """
        tokenizer = _tokenizer(folder / "tokenizer.json")
        config = _object(folder / "tokenizer_config.json")
        names = {name: text for name in _NAMES if (text := _token(config.get(name)))}
        ends = _ends(folder, tokenizer, names)
        return Chat(tokenizer, Template(_source(folder, config), names), ends)

    def prompt(self, messages: Sequence[Message], *, asking: bool = True) -> str:
        """Return the text of the turns; `asking` begins the assistant's next one, with thinking off.

        No text can end its turn: a special token's name within one is broken by a blank.
        Raises ModelError where the template refuses these turns.
        """
        turns = [{"role": one.role, "content": self._harmless(one.text)} for one in messages]
        return self._template.render(turns, asking=asking)

    def tokens(self, messages: Sequence[Message], *, asking: bool = True) -> tuple[str, ...]:
        """Return the tokens of `prompt`, by name. Raises as it does."""
        found = self.tokenizer.encode(self.prompt(messages, asking=asking), add_special_tokens=False).tokens
        return tuple(found)

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of tokens, special ones left out."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))

    def shared(
        self, batch: Sequence[Sequence[Message]], tokens: Sequence[tuple[str, ...]]
    ) -> tuple[str, ...]:
        """Return the tokens with which all prompts of a batch begin, by the turns that all share.

        `tokens` are those of each prompt. It is whole turns, never the last one, and only those that the
        template writes the same when they are alone. Of a single prompt it is the system's turn, so that it
        is the same as that of the batches around it.
        """
        leading = _same_turns(batch) if len(batch) > 1 else _system_turns(batch[0])
        while leading:
            try:
                found = self.tokens(leading, asking=False)
            except ModelError:  # many templates want a question in every chat
                found = ()
            if found and all(len(one) > len(found) and one[: len(found)] == found for one in tokens):
                return found
            leading = leading[:-1]
        return ()

    def _harmless(self, text: str) -> str:
        if self._steering is None:
            return text
        return self._steering.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _any_of(tokens: Sequence[str]) -> re.Pattern[str] | None:
    longest_first = sorted(tokens, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, longest_first))) if tokens else None


def _same_turns(batch: Sequence[Sequence[Message]]) -> Sequence[Message]:
    first = batch[0]
    most = min(len(messages) for messages in batch) - 1
    count = 0
    while count < most and all(messages[count] == first[count] for messages in batch):
        count += 1
    return first[:count]


def _system_turns(messages: Sequence[Message]) -> Sequence[Message]:
    return messages[:1] if len(messages) > 1 and messages[0].role == "system" else ()


def _tokenizer(path: Path) -> Tokenizer:
    if not path.is_file():
        raise ModelError(
            f"no tokenizer.json in {clean_text(str(path.parent))}",
            hint="fetch the model's folder again, whole",
        )
    try:
        found = Tokenizer.from_file(str(path))
    # the library raises plain Exception, whatever is wrong with the file
    except Exception as error:
        raise ModelError(
            f"the model's tokenizer.json cannot be read: {clean_text(str(error))[:160]}",
            hint="fetch the model's folder again",
        ) from error
    # a chat is neither cut nor filled up, whatever the file was trained with
    found.no_truncation()
    found.no_padding()
    return found


def _object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file, {} without the file. Raises ModelError."""
    return read_json(path) if path.is_file() else {}


def _source(folder: Path, config: Mapping[str, Any]) -> str:
    """Return the template: a file of its own first, as transformers looks for it."""
    path = folder / "chat_template.jinja"
    try:
        if path.is_file():
            if path.stat().st_size > 4 * LARGEST:
                raise ModelError("the model's chat template is too large to be one")
            return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"the model's chat_template.jinja cannot be read: {error}") from error
    found = config.get("chat_template")
    if isinstance(found, list):  # several by name
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, dict)}
        found = named.get("default")
    if not isinstance(found, str) or not found.strip():
        raise ModelError(
            f"the model in {clean_text(str(folder))} has no chat template: it cannot be asked to translate",
            hint="choose a model whose name says Instruct or Chat",
        )
    return found


def _token(said: object) -> str:
    """Return a special token's text, however a tokenizer_config.json writes it."""
    if isinstance(said, dict):
        said = said.get("content")
    return said if isinstance(said, str) else ""


def _ends(folder: Path, tokenizer: Tokenizer, names: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tokens that end a reply, by every file that names one. Raises ModelError for none."""
    config = _object(folder / "config.json")
    found = {names.get("eos_token", ""), _token(config.get("eos_token")), *_ENDS}
    for said in (_object(folder / "generation_config.json"), config):
        ids = said.get("eos_token_id")
        for one in ids if isinstance(ids, list) else [ids]:
            if isinstance(one, int) and not isinstance(one, bool) and one >= 0:
                found.add(tokenizer.id_to_token(one) or "")
    known = {
        token: number for token in found if token and (number := tokenizer.token_to_id(token)) is not None
    }
    if not known:
        raise ModelError(
            f"the model in {clean_text(str(folder))} does not say which token ends a reply",
            hint="fetch the model's folder again, with its generation_config.json",
        )
    return tuple(sorted(known, key=known.__getitem__))
