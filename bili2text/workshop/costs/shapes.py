"""The shapes of models that a preset may name: known ones, students, and those of folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bili2text.errors import ModelError, UsageError
from bili2text.models.json_object import read_json
from bili2text.workshop.students import STUDENTS, Student

Family = Literal["m2m_100", "marian"]  # transformers' model_type
_MOST = 1 << 20  # of anything in it; the largest vocabularies have a quarter of a million tokens


@dataclass(frozen=True, slots=True)
class Shape(Student):
    """An encoder-decoder of one of the two classes that are trained here."""

    family: Family = "m2m_100"

    @property
    def parameters(self) -> int:
        """How many numbers are trained. Marian has no norm after its last layer; its positions are fixed."""
        found = Student.parameters.__get__(self)
        return int(found) - (4 * self.width if self.family == "marian" else 0)


# As their config.json has them, on huggingface.co
KNOWN = {
    one.name: one
    for one in (
        Shape("facebook/nllb-200-distilled-600M", 1024, 16, 12, 12, 4096, 256_206, 1024),
        Shape("Helsinki-NLP/opus-mt-zh-en", 512, 8, 6, 6, 2048, 65_001, 512, family="marian"),
    )
}


def shape_of(name: str) -> Shape:
    """Return the shape of a student, of a model known by its hub id, or of one in a folder.

    Raises UsageError for a name that is none of these, ModelError for a folder whose config.json is missing
    or tells of another kind of model.
    """
    if name in KNOWN:
        return KNOWN[name]
    if name in STUDENTS:
        one = STUDENTS[name]
        return Shape(*(getattr(one, key) for key in Student.__slots__))
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _of_folder(folder)
    known = ", ".join((*KNOWN, *STUDENTS))
    raise UsageError(
        f"the shape of {name} is not known", hint=f"pass a folder with its config.json, or one of {known}"
    )


def can_be_trimmed(shape: Shape) -> bool:
    """Return whether trim_vocab does anything: a student's vocabulary is its own, opus-mt's cannot be cut."""
    return shape.family == "m2m_100" and shape.name not in STUDENTS


def trimmed(shape: Shape, tokens: int) -> Shape:
    """Return the shape with a vocabulary of so many tokens, where it can be trimmed; 0: as it is."""
    cut = tokens and can_be_trimmed(shape)
    return replace(shape, vocab=min(tokens, shape.vocab)) if cut else shape


def _of_folder(folder: Path) -> Shape:
    path = folder / "config.json"
    told = read_json(path)
    if told.get("model_type") not in ("m2m_100", "marian"):
        raise ModelError(f"{path} is of no model that can be trained here", hint="NLLB, M2M100 or opus-mt")
    try:
        return _told(told, folder.name)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{path} does not tell the model's shape: {error}") from error


def _told(config: Mapping[str, Any], name: str) -> Shape:
    number = {
        ours: int(config[theirs])
        for ours, theirs in (
            ("width", "d_model"),
            ("heads", "encoder_attention_heads"),
            ("encoder_layers", "encoder_layers"),
            ("decoder_layers", "decoder_layers"),
            ("ffn", "encoder_ffn_dim"),
            ("vocab", "vocab_size"),
            ("positions", "max_position_embeddings"),
        )
    }
    if not all(0 < one <= _MOST for one in number.values()) or number["width"] % number["heads"]:
        raise ValueError("sizes that no model has")
    tied = config.get("tie_word_embeddings", True) is not False
    return Shape(name, **number, tied=tied, family=config["model_type"])
