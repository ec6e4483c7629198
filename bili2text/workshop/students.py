"""The shapes of students, and how many numbers they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.errors import UsageError

QWEN_VOCABULARY = 151_936  # tokens of the embedding of Qwen1.5, 2.5 and 3 up to 3B (their config.json)
DEFAULT = "small"


@dataclass(frozen=True, slots=True)
class Student:
    """An encoder-decoder of NLLB's class (M2M100): layer norm first, sinusoidal positions, ReLU."""

    name: str
    width: int  # d_model
    heads: int
    encoder_layers: int
    decoder_layers: int
    ffn: int
    vocab: int
    positions: int  # tokens of a source, and of a target
    tied: bool = True  # the embedding is the output layer's weight, too

    @property
    def embedding(self) -> int:
        """How many numbers the embedding, and the output layer where it is its own, are."""
        return self.vocab * self.width * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """How many numbers the weights are, biases and the norms' pairs included."""
        width, ffn = self.width, self.ffn
        attention = 4 * (width * width + width)
        forward = 2 * width * ffn + ffn + width
        norm = 2 * width
        encoder = self.encoder_layers * (attention + forward + 2 * norm) + norm
        decoder = self.decoder_layers * (2 * attention + forward + 3 * norm) + norm
        return self.embedding + encoder + decoder


STUDENTS = {
    one.name: one
    for one in (
        # 16k tokens, narrow, a deep encoder and a shallow decoder: the shape of the translators that browsers
        # ship (browsermt/students, "tiny11": 256, 1536, 6+2)
        Student("small", 256, 8, 6, 2, 1536, 16_000, 128),
        # the guide's: 6, 4 and 2 layers in all, most of them the encoder's: int8 stays under its 100 MB
        Student("qwen-512", 512, 8, 4, 2, 2048, QWEN_VOCABULARY, 64),
        Student("qwen-256", 256, 4, 3, 1, 1024, QWEN_VOCABULARY, 64),
        Student("qwen-128", 128, 4, 1, 1, 512, QWEN_VOCABULARY, 64),
        # for tests and first tries: learns 64 sentences by heart in a minute on a CPU
        Student("tiny", 128, 4, 3, 1, 512, 2_000, 64),
    )
}


def student(name: str) -> Student:
    """Return the student of that name. Raises UsageError."""
    if name not in STUDENTS:
        raise UsageError(f"no student {name}", hint=f"there are {', '.join(STUDENTS)}")
    return STUDENTS[name]
