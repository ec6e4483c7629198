"""Models that were trained before: ours, those of a folder, those of a hub; and fewer of their tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForSeq2SeqLM, M2M100ForConditionalGeneration, MarianMTModel, PreTrainedModel
from transformers.utils.hub import snapshot_download

from bili2text.errors import ModelError, UsageError
from bili2text.files import clean_text
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.text_codec import TextCodec, of_nllb
from bili2text.workshop.run import Run
from bili2text.workshop.train.model import generation
from bili2text.workshop.train.quiet import quiet

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_VOCABULARY = (
    "config.json", "tokenizer.json", "tokenizer_config.json", "source.spm", "target.spm", "vocab.json",
)  # fmt: skip
_CLASSES = (M2M100ForConditionalGeneration, MarianMTModel)


def load(name: str) -> PreTrainedModel:
    """Return the model of a run, of a folder as Hugging Face has them, or of a hub's id; float32, on the CPU.

    Weights come as safetensors only (of a hub that has others, the conversion it offers), and no code of the
    model's own is run. Raises ModelError where it cannot be had or is neither NLLB's class nor opus-mt's.
    """
    folder = Path(name).expanduser()
    place = Run(folder).model if Run(folder).model.is_dir() else folder
    with _had(name), quiet():
        model = AutoModelForSeq2SeqLM.from_pretrained(
            str(place) if place.is_dir() else _hub_id(name),
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
        )
    if not isinstance(model, _CLASSES):
        raise ModelError(
            f"{clean_text(name)} is of the class {type(model).__name__}",
            hint="NLLB, M2M100 and opus-mt can be trained",
        )
    return model


def codec_of(name: str) -> Codec:
    """Return the vocabulary of a run, of a folder as Hugging Face has them, or of a hub's id.

    Raises ModelError where there is none.
    """
    folder = Path(name).expanduser()
    if Run(folder).vocabulary.is_dir():
        return open_codec(Run(folder).vocabulary)
    if not folder.is_dir():
        with _had(name):
            folder = Path(snapshot_download(_hub_id(name), allow_patterns=list(_VOCABULARY)))
    if (folder / "source.spm").is_file():
        from bili2text.seq2seq.marian import MarianCodec

        return MarianCodec.open(folder)
    return of_nllb(folder)


def refuse_mismatch(model: PreTrainedModel, codec: Codec) -> None:
    """Raise ModelError where a vocabulary is not that of the model."""
    config = model.config
    rows = model.get_input_embeddings().weight.shape[0]
    if codec.size != rows:
        raise ModelError(
            f"the vocabulary has {codec.size:,} tokens, the model {rows:,}",
            hint="take the vocabulary that came with the model",
        )
    if (config.pad_token_id, config.eos_token_id) != (codec.pad, codec.end):
        raise ModelError(
            f"the vocabulary pads with {codec.pad} and ends with {codec.end}, "
            f"the model with {config.pad_token_id} and {config.eos_token_id}",
            hint="take the vocabulary that came with the model",
        )


def trim(model: PreTrainedModel, codec: Codec, keep: Iterable[int]) -> tuple[PreTrainedModel, Codec]:
    """Return a model and a vocabulary with only these tokens, and those they are made of.

    What the model says where a text needs no other tokens stays as it was, but for the share of probability
    that the others had. Raises UsageError for a vocabulary that cannot be cut.
    """
    if not isinstance(codec, TextCodec):
        raise UsageError("this vocabulary cannot be trimmed", hint="leave trim_vocab at 0")
    small, old = codec.trimmed(keep)
    rows = torch.from_numpy(old).long()
    config = deepcopy(model.config)
    config.vocab_size = small.size
    made = type(model)(config)
    weights = {
        name: tensor.index_select(0, rows) if tensor.shape[:1] == (codec.size,) else tensor
        for name, tensor in model.state_dict().items()
    }
    made.load_state_dict(weights)
    made.generation_config = generation(small, config.max_position_embeddings)
    return made, small


def _hub_id(name: str) -> str:
    if not _HUB_ID.fullmatch(name) or name.startswith("."):
        raise ModelError(
            f"there is no model {clean_text(name)}",
            hint="pass a run, a folder, a student's name, or a hub's id: facebook/nllb-200-distilled-600M",
        )
    return name


@contextmanager
def _had(name: str) -> Iterator[None]:
    """Turn what transformers and the hub say of a model that cannot be had into one line."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        why = clean_text(_reason(error))[:160]
        raise ModelError(
            f"{clean_text(name)} cannot be loaded: {why}",
            hint="pass a folder that holds it as safetensors, or fetch it where there is a network",
        ) from error


def _reason(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
