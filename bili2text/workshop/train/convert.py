"""A trained model for CTranslate2, and as transformers runs it, to compare. Imports torch and transformers.

CTranslate2's converter wants a tokenizer for no more than the names of the tokens, so it is given those: what
it reads of a vocabulary is then what our Codec says to it at run time, whichever kind of vocabulary that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from ctranslate2.converters.converter import Converter
from ctranslate2.converters.transformers import BartLoader, M2M100Loader

from bili2text.errors import Bili2TextError, ModelError
from bili2text.files import clean_text
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.values import SPECIALS, UNKNOWN, Way

_BATCH = 16
MARIAN = "marian"  # opus-mt's kind; all others here are M2M100's
_NEVER = -1e4  # added to a logit: no token wins against it, and float16 holds it


class Trained:
    """The model of a folder as it was trained: float32, on the CPU."""

    def __init__(self, folder: Path, codec: Codec) -> None:
        """Load it. Raises ModelError as `opened` does."""
        self._codec = codec
        self._model = opened(folder, codec)
        # `generate` fills what a call leaves open from the model's own, and a folder's may ask for beams
        self._model.generation_config = transformers.GenerationConfig()
        self._marian = self._model.config.model_type == MARIAN
        self.positions = int(self._model.config.max_position_embeddings)
        self.parameters = int(sum(one.numel() for one in self._model.parameters()))

    def greedy(self, texts: Sequence[str], way: Way, limit: int) -> list[tuple[int, ...]]:
        """Return the likeliest tokens one after another, without the language and the end.

        `limit` bounds what is generated, the language and the end included.
        """
        found: list[tuple[int, ...]] = []
        for start in range(0, len(texts), _BATCH):
            sources = [self._codec.source(one, way) for one in texts[start : start + _BATCH]]
            found += self._batch(sources, way, limit)
        return found

    def _batch(self, sources: Sequence[Sequence[int]], way: Way, limit: int) -> list[tuple[int, ...]]:
        longest = max(len(one) for one in sources)
        padded = [[*one, *[self._codec.pad] * (longest - len(one))] for one in sources]
        known = [[1] * len(one) + [0] * (longest - len(one)) for one in sources]
        with torch.inference_mode():
            ids = self._model.generate(
                input_ids=torch.tensor(padded),
                attention_mask=torch.tensor(known),
                generation_config=self._search(way, limit),
            )
        return [self._plain(row, way) for row in ids.tolist()]

    def _search(self, way: Way, limit: int) -> Any:  # noqa: ANN401 - transformers'
        """Return greedy search and nothing else."""
        return transformers.GenerationConfig(
            num_beams=1,
            do_sample=False,
            max_new_tokens=limit,
            decoder_start_token_id=self._model.config.decoder_start_token_id,
            eos_token_id=self._codec.end,
            pad_token_id=self._codec.pad,
            forced_bos_token_id=self._codec.first(way),
            # opus-mt's decoder begins with the pad token, which is never written
            bad_words_ids=[[self._codec.pad]] if self._marian else None,
        )

    def _plain(self, row: list[int], way: Way) -> tuple[int, ...]:
        ids = row[1:]  # the first begins the decoder's input
        if self._codec.first(way) is not None:
            ids = ids[1:]
        return tuple(ids[: ids.index(self._codec.end)] if self._codec.end in ids else ids)


def convert(folder: Path, codec: Codec, target: Path, precision: str) -> None:
    """Write the model of a folder for CTranslate2 into the folder `target`; what was in there goes.

    `precision` is one of CTranslate2's quantizations. Raises ModelError for a model that is none or does not
    fit the vocabulary, OSError where `target` cannot be written.
    """
    with _meant(folder, "converted"):
        _Converter(folder, codec).convert(str(target), quantization=precision, force=True)


class _Converter(Converter):  # type: ignore[misc]  # it has no types
    """Reads safetensors of this disk, and the names of tokens from a Codec."""

    def __init__(self, folder: Path, codec: Codec) -> None:
        self._folder = folder
        self._codec = codec

    def _load(self) -> Any:  # noqa: ANN401 - CTranslate2's TransformerSpec
        model = opened(self._folder, self._codec)
        loader = _MarianLoader() if model.config.model_type == MARIAN else M2M100Loader()
        with torch.no_grad():
            return loader(model, _Names(self._codec))


class _MarianLoader(BartLoader):  # type: ignore[misc]  # it has no types
    """Marian as it was trained, its pad token included.

    CTranslate2's own loader takes the row of the pad token, with which the decoder begins, to be zero. It is
    in opus-mt as published; training moves it, for it is a row of the output layer, too.
    """

    def get_model_spec(self, model: Any) -> Any:  # noqa: ANN401 - CTranslate2's TransformerSpec
        model.config.normalize_before = False
        model.config.normalize_embedding = False
        model.final_logits_bias[:, model.config.pad_token_id] = _NEVER
        return super().get_model_spec(model)

    def set_config(self, config: Any, model: Any, tokenizer: Any) -> None:  # noqa: ANN401 - CTranslate2's
        super().set_config(config, model, tokenizer)
        config.bos_token = config.eos_token  # Marian has none


class _Names:
    """As much of a tokenizer as CTranslate2's loaders of M2M100 and Marian ask for."""

    def __init__(self, codec: Codec) -> None:
        self.special_tokens_map: dict[str, list[str]] = {}  # languages are tokens like others here
        self._names = codec.tokens(range(codec.size))
        if len(set(self._names)) != len(self._names):
            raise ModelError("two tokens of the vocabulary have the same name")
        self.bos_token = SPECIALS[0]
        self.eos_token = self._names[codec.end]
        self.unk_token = SPECIALS[UNKNOWN]
        for needed in (self.eos_token, self.unk_token):
            if needed not in self._names:
                raise ModelError(f"the vocabulary has no token {needed}")

    def get_vocab(self) -> dict[str, int]:
        """Return the number of each name."""
        return {name: number for number, name in enumerate(self._names)}

    def convert_ids_to_tokens(self, number: int) -> str:
        """Return the name of a token."""
        return self._names[number]


def opened(folder: Path, codec: Codec, attention: str | None = None) -> Any:  # noqa: ANN401 - of transformers
    """Return the model of a folder, float32 on the CPU: safetensors of this disk, none of its code.

    `attention` is transformers' `attn_implementation`, None its own choice. Raises ModelError for a folder
    that holds no such model, and one that does not fit the vocabulary.
    """
    with _meant(folder, "read"):
        model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            folder,
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,  # left open, transformers would ask the terminal about a folder's code
            dtype=torch.float32,
            attn_implementation=attention,
        ).eval()
    if model.config.vocab_size < codec.size:
        raise ModelError(
            f"the vocabulary has {codec.size} tokens, the model {model.config.vocab_size}",
            hint="they are of two different trainings",
        )
    return model


@contextmanager
def _meant(folder: Path, done: str) -> Iterator[None]:
    """Say what the libraries raise about a folder as a ModelError of one line; a disk's errors pass.

    transformers keeps its remarks and bars to itself from here on.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    except Bili2TextError:
        raise
    except Exception as error:  # transformers, safetensors and CTranslate2 share no class
        if isinstance(error, OSError) and error.errno is not None:  # transformers' own have no number
            raise
        line = " ".join(str(error).split())[:160] or type(error).__name__
        raise ModelError(f"the model cannot be {done}: {clean_text(str(folder))}: {line}") from error
