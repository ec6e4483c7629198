"""How a teacher is talked to: by its chat template, or as a text to be continued."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bili2text.errors import ModelError
from bili2text.files import clean_text
from bili2text.models.json_object import read_json
from bili2text.seq2seq.values import source_of, target_of
from bili2text.translate.languages import english_name
from bili2text.translators.catalog import profile_of
from bili2text.translators.chat import Chat
from bili2text.translators.engine import Reply
from bili2text.translators.hf_watch import refuse_nonsense
from bili2text.translators.shapes import config_of
from bili2text.workshop.distillation.labels import Sample
from bili2text.workshop.distillation.teaching import asked


class Voice:
    """How a teacher is talked to: by its chat template, or, where it has none, as a text to be continued."""

    def __init__(self, chat: Chat | None, tokenizer: Any, folder: Path) -> None:  # noqa: ANN401 - tokenizers.Tokenizer
        """Take a chat, or None for a model without a template. Raises ModelError."""
        self._chat = chat
        self._tokenizer = tokenizer
        self._profile = profile_of(folder.resolve().name, config_of(folder).family)
        ends = chat.end_ids if chat else _ends(folder)
        self.pad = min(ends)  # any token: what is padded is masked
        # a text to be continued goes on for ever, but a translation is one line
        self.stops = ends if chat else ends | _line_ends(tokenizer)

    @classmethod
    def read(cls, folder: Path) -> Voice:
        """Return how the model in a folder is talked to. Raises ModelError where it does not tell."""
        if _has_template(folder):
            chat = Chat.read(folder)
            return cls(chat, chat.tokenizer, folder)
        return cls(None, _tokenizer(folder), folder)

    def ids(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        found: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return found

    def asked(self, sample: Sample) -> list[int]:
        """Return the tokens that a translation of the sample's source follows."""
        if self._chat is not None:
            return self.ids(self._chat.prompt(asked(sample, self._profile).messages))
        source, target = english_name(source_of(sample.way)), english_name(target_of(sample.way))
        return self.ids(f"{source}:\n{clean_text(sample.source)}\n\n{target}:\n")

    def reply(self, said: Sequence[int]) -> Reply:
        """Return what generated tokens say, up to the first that stops. Raises PrecisionFailure."""
        stop = next((place for place, token in enumerate(said) if token in self.stops), None)
        tokens = said if stop is None else said[:stop]
        refuse_nonsense(tokens)
        # the token that ends a line may have a mark before it
        text = self._tokenizer.decode(
            list(said[: len(tokens) + (self._chat is None)]), skip_special_tokens=True
        )
        if self._chat is None:
            text = text.partition("\n")[0]
        return Reply(text, len(tokens), stop is not None)


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").is_file():
        return True
    told = folder / "tokenizer_config.json"
    return told.is_file() and bool(read_json(told).get("chat_template"))


def _tokenizer(folder: Path) -> Any:  # noqa: ANN401 - tokenizers.Tokenizer
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    try:
        found = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises plain Exception
        raise ModelError(f"the teacher's tokenizer.json cannot be read: {folder}") from error
    found.no_truncation()
    found.no_padding()
    return found


def _ends(folder: Path) -> frozenset[int]:
    """Return the tokens that end a text, by the files that name them. Raises ModelError for none."""
    found: set[int] = set()
    for name in ("generation_config.json", "config.json"):
        told = read_json(folder / name).get("eos_token_id") if (folder / name).is_file() else None
        found |= {
            one for one in (told if isinstance(told, list) else [told]) if type(one) is int and one >= 0
        }
    if not found:
        raise ModelError(f"the teacher does not say which token ends a text: {folder}")
    return frozenset(found)


def _line_ends(tokenizer: Any) -> frozenset[int]:  # noqa: ANN401 - tokenizers.Tokenizer
    """Return the tokens that have the end of a line in them; byte-level vocabularies write it as Ċ."""
    return frozenset(
        number for token, number in tokenizer.get_vocab().items() if "Ċ" in token or "\n" in token
    )
