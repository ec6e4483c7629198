"""What a training costs, worked out: steps, arithmetic operations, hours, bytes on disk. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bili2text.workshop.course import steps as steps_of
from bili2text.workshop.students import Student
from bili2text.workshop.values import TrainSettings

# Of a card's dense peak, what trainings of Transformers reach: PaLM tells of 46 % (arXiv 2204.02311).
# Assumed for small models on one card, not measured: scripts/gpu_workshop.py measures it
SHARES = (0.30, 0.50)
MEAN_TOKENS = 35.0  # of a side: WMT19's 53 Chinese characters or about 25 English words; assumed
BYTES_PER_TOKEN = 4.5  # of UTF-8: 53 characters x 3 bytes in 35 tokens; assumed
# Weights, gradients and Adam's two means, float32 (arXiv 1910.02054, section 3)
MASTER_BYTES, GRADIENT_BYTES, STATE_BYTES = 4, 4, 8
TEMPERATURES = 2  # that labels keep the log of the whole sum for, float32 each
INT16_TOKENS = 65_536  # tokens whose numbers fit into uint16


@dataclass(frozen=True, slots=True)
class Work:
    """How much is learned from."""

    examples: int  # a pair in one direction, each epoch
    steps: int
    flops: float  # of all of it
    flops_per_example: float


def work(shape: Student, train: TrainSettings, pairs: int, ways: int, tokens: float = MEAN_TOKENS) -> Work:
    """Return what a training computes: `pairs` in `ways` directions each, `tokens` a side on average.

    Padding is left out: batches are made of sentences of one length.
    """
    examples = pairs * ways * train.epochs
    each = flops(shape, tokens, tokens, train)
    return Work(examples, steps_of(pairs * ways, train), examples * each, each)


def flops(shape: Student, source: float, target: float, train: TrainSettings) -> float:
    """Return the operations of learning from one example: forward, backward, and what is computed twice.

    2 a weight and token forward, twice that backward (arXiv 2001.08361, section 2.1): 6 a weight; 8 where the
    forward pass is done again, as checkpointing does for the layers and the loss in chunks for the output
    layer. The encoder's weights and the decoder's keys and values of the source see the source's tokens, all
    others the target's. Scores and sums of attention: 4 x width x queries x keys a layer, forward.
    Norms, biases and the softmax are left out.
    """
    width = shape.width
    encoder = shape.encoder_layers * (4 * width**2 + 2 * width * shape.ffn)
    crossing = shape.decoder_layers * 2 * width**2
    decoder = shape.decoder_layers * (6 * width**2 + 2 * width * shape.ffn)
    products = 2 * (encoder * source + crossing * source + decoder * target)
    scores = (
        4 * width * (shape.encoder_layers * source**2 + shape.decoder_layers * (target**2 + source * target))
    )
    head = 2 * shape.vocab * width * target
    layers = 4 if train.checkpointing else 3
    return layers * (products + scores) + (4 if train.loss_chunk else 3) * head


def hours(operations: float, peak_tflops: float) -> tuple[float, float]:
    """Return the fewest and the most hours it takes a card of that dense peak, at SHARES of it."""
    low, high = (operations / (peak_tflops * 1e12 * share) / 3600 for share in reversed(SHARES))
    return low, high


def told_hours(value: float) -> str:
    """Return a time to read: minutes below an hour."""
    return f"{value:.1f} h" if value >= 1 else f"{value * 60:.0f} min"


def needed_tflops(operations: float, within_hours: float) -> float:
    """Return how many TFLOPS, truly reached, it takes to be done within some hours."""
    return operations / (within_hours * 3600) / 1e12


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes a run takes at most."""

    data: int  # the pairs
    checkpoints: int  # those kept and the one being written
    products: int  # the model in float32, and for CTranslate2 in float32 and int8

    @property
    def total(self) -> int:
        """All of it."""
        return self.data + self.checkpoints + self.products


def disk(parameters: int, train: TrainSettings, pairs: int, tokens: float = MEAN_TOKENS) -> Disk:
    """Return what a run leaves on disk: an old checkpoint goes only when its successor is whole."""
    return Disk(
        data=round(pairs * 2 * tokens * BYTES_PER_TOKEN),
        checkpoints=(train.keep + 1) * parameters * (MASTER_BYTES + STATE_BYTES),
        products=parameters * (4 + 4 + 1),
    )


def label_bytes(k: int, vocab: int, positions: float) -> float:
    """Return the bytes of a sample's sparse labels: k tokens of 2 or 4 bytes, float16 logits, sums."""
    token = 2 if vocab <= INT16_TOKENS else 4
    return positions * (k * (token + 2) + TEMPERATURES * 4)


def text_bytes(tokens: float = MEAN_TOKENS) -> float:
    """Return the bytes of a sample's label that is a sentence."""
    return tokens * BYTES_PER_TOKEN


def k_for(bytes_per_sample: float, positions: float, entry: int) -> int:
    """Return how many tokens a position has in so many bytes, at `entry` bytes for each."""
    return int(bytes_per_sample / positions / entry)


def teacher_flops(parameters: float, tokens: float, samples: int) -> float:
    """Return the operations of a teacher that reads so many tokens a sample: 2 a weight and token."""
    return 2 * parameters * tokens * samples
