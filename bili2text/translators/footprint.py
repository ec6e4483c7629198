"""How much memory a translator takes, by arithmetic on its shape. Pure.

    peak = weights + context + keys and values + one pass over the prompts + scores

weights   each number in its precision. bitsandbytes and FP8 leave the embedding in half precision, and FP8
          folders hold the output layer once more; CTranslate2's int8 takes every matrix, with a float32
          scale for each row. What is not like its shape (experts, packed weights) counts as its files do.
          A model with an encoder counts as its file, each number in its precision.
context   CUDA's own 3.1 MiB for each multiprocessor (plan/footprint.py has the sources), and the kernels and
          workspaces of the library: 100 MiB for CTranslate2 as there, 200 MiB for torch, which was not
          measured. On a CPU the program with its libraries. A file that is mapped while it is converted
          is not counted: the system takes those pages back.
keys      2 x layers x heads of keys x their width, for each token of each beam of each prompt; and one layer
          of it once more, for it is copied as it grows.
pass      the prompts of a batch, read at once: what one block keeps of each token, and in CTranslate2 every
          head's square of scores (src/layers/attention.cc); torch never holds that square.
scores    over the vocabulary, one for each beam: as computed, and three times in float32 in transformers
          (generation/utils.py), three sets in CTranslate2 (src/decoding.cc). Of a prompt only the last
          token's are computed in both.

Against what Qwen measured (docs of Qwen3, "Speed Benchmark": transformers on an H20, a prompt of 1 token and
2048 new ones; torch's own count, so without the context) it is within 3.1 %; the test holds it to that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from bili2text.plan.stages import BYTES
from bili2text.translators.values import FoundModel, Shape

_MIB = 2.0**20
PROMPT, REPLY = 384, 128  # tokens of a prompt with its terms and context, and of its reply: together 512

_CONTEXT_PER_SM, _USUAL_SMS = 3.1, 60  # as in plan/footprint.py
_KERNELS = {"ctranslate2": 100.0, "transformers": 200.0}
_PROGRAM = {"ctranslate2": 160.0, "transformers": 450.0}  # MiB of RAM without the model, on a CPU
# By how much CTranslate2's heap on a CPU outgrows what it holds: of keys and values, which at each token
# outgrow the holes they leave, and of a pass. Measured with a model of 24 layers in int8, see the test.
_KEYS_HOLES, _PASS_HOLES = 5.0, 2.4

# Bytes of a weight and of any other number, where transformers computes; int4 is nf4 with a float32 for 64
_TORCH = {
    "float32": (4.0, 4), "float16": (2.0, 2), "bfloat16": (2.0, 2), "mixed": (2.0, 2), "float8": (1.0, 2),
    "int8": (1.0, 2), "int4": (0.5 + 4 / 64, 2), "auto": (2.0, 2),
}  # fmt: skip
_HALF = 2
_STORED = {"float32": 4, "float64": 8}  # bytes of a number on the disk; all else is in half precision
_UNLIKE = 1.1  # so many times the bytes of its shape: the shape does not tell all


@dataclass(frozen=True, slots=True)
class Setting:
    """How a translator is run, as far as memory goes."""

    precision: str
    batch_size: int = 1
    beam_size: int = 1
    prompt: int = PROMPT
    reply: int = REPLY

    @property
    def rows(self) -> int:
        """Replies that are decoded at once."""
        return self.batch_size * self.beam_size


def setting(model: FoundModel, precision: str, batch_size: int, beam_size: int) -> Setting:
    """Return how a model is run; one with few positions has no longer prompts and replies than those."""
    most = model.positions or PROMPT
    return Setting(precision, batch_size, beam_size, min(PROMPT, most), min(REPLY, most))


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a translator takes at its worst moment, part by part, in MiB."""

    weights: float
    context: float
    keys: float
    work: float  # a pass over the prompts
    scores: float
    beside: str = "CUDA"

    @property
    def peak(self) -> float:
        """The memory to have free before the model is loaded, in MiB."""
        return self.weights + self.context + self.keys + self.work + self.scores

    def arithmetic(self) -> str:
        """Return the sum as one line, rounded so that it adds up."""
        parts = (
            ("weights", self.weights),
            (self.beside, self.context),
            ("keys and values", self.keys),
            ("a pass", self.work),
            ("scores", self.scores),
        )
        shown, so_far, total = [], 0.0, 0
        for label, mib in parts:
            so_far += mib
            if ceil(so_far) > total:
                shown.append(f"{label} {ceil(so_far) - total}")
                total = ceil(so_far)
        return " + ".join(shown) + f" = {total} MiB"


def on_card(model: FoundModel, setting: Setting, sms: int) -> Footprint:
    """Return what a card with `sms` multiprocessors needs free; with 0 (not known) 60 are taken for it.

    Raises KeyError for a precision that the model's engine does not have.
    """
    context = _KERNELS[model.engine] + _CONTEXT_PER_SM * (sms or _USUAL_SMS)
    return _footprint(model, setting, context, "CUDA")


def on_cpu(model: FoundModel, setting: Setting) -> Footprint:
    """Return the RAM of the whole process at its peak. Raises KeyError as `on_card` does."""
    found = _footprint(model, setting, _PROGRAM[model.engine], "program")
    if model.engine == "transformers":
        return found
    return replace(found, keys=_KEYS_HOLES * found.keys, work=_PASS_HOLES * found.work)


def weights_bytes(model: FoundModel, precision: str) -> float:
    """Return the bytes of the weights as the engine holds them. Raises KeyError for an unknown precision."""
    if model.ways:
        return model.weight_bytes * BYTES[precision][0] / BYTES[model.dtype][0]
    if model.engine == "ctranslate2":
        return _ct2_bytes(model.shape, precision)
    if precision == "auto":
        return float(model.weight_bytes) or _torch_bytes(model.shape, "bfloat16")
    return _torch_bytes(model.shape, precision) * _unlike(model)


def _torch_bytes(shape: Shape, precision: str) -> float:
    weight, number = _TORCH[precision]
    matrices, rows = _blocks(shape)
    embedding = shape.vocab * shape.hidden
    ends = (1 if shape.tied else 2) * embedding * number
    if precision == "mixed":
        ends = embedding * (_HALF + 4)  # a tied output layer becomes one of its own
    if precision == "float8":
        ends = 2 * embedding * number
    scales = {"float8": matrices / 128 / 128 * 4, "int8": rows * 4.0}.get(precision, 0.0)
    return matrices * weight + scales + ends + (2 * shape.layers + 1) * shape.hidden * number


def _ct2_bytes(shape: Shape, precision: str) -> float:
    weight, number = BYTES[precision]
    matrices, rows = _blocks(shape)
    copies = 1 if shape.tied else 2
    matrices += copies * shape.vocab * shape.hidden
    rows += copies * shape.vocab
    scales = 4 * rows if weight == 1 else 0
    return float(matrices * weight + scales + (2 * shape.layers + 1) * shape.hidden * number)


def _blocks(shape: Shape) -> tuple[int, int]:
    """Return the numbers in the matrices of all blocks, and how many rows these have."""
    inner = shape.head_dim * (shape.heads + 2 * shape.kv_heads)
    attention = 2 * shape.hidden * shape.head_dim * (shape.heads + shape.kv_heads)
    matrices = attention + 3 * shape.hidden * shape.intermediate
    rows = inner + 2 * shape.hidden + 2 * shape.intermediate
    return shape.layers * matrices, shape.layers * rows


def _unlike(model: FoundModel) -> float:
    """Return by how many times the files are larger than the shape says: experts, other kinds of layers."""
    if model.quantization == "fp8":
        expected = _torch_bytes(model.shape, "float8")
    elif model.quantization:
        return 1.0
    else:
        expected = float(model.shape.parameters * _STORED.get(model.dtype, _HALF))
    found = model.weight_bytes / expected
    return found if found > _UNLIKE else 1.0


def _footprint(model: FoundModel, setting: Setting, context: float, beside: str) -> Footprint:
    _, number = (_TORCH if model.engine == "transformers" else BYTES)[setting.precision]
    shape = model.shape
    row = 2 * shape.kv_heads * shape.head_dim * number * (setting.prompt + setting.reply) * setting.rows
    work = _pass(model, setting, number)
    if setting.precision.startswith("int8"):
        # products of int8 are summed up in int32, and what goes in is quantised first
        work += setting.batch_size * setting.prompt * shape.intermediate * 5
    scores = setting.rows * shape.vocab * (number + 3 * 4 if model.engine == "transformers" else 3 * number)
    return Footprint(
        weights=weights_bytes(model, setting.precision) / _MIB,
        context=context,
        keys=(shape.layers + 1) * row / _MIB,
        work=work / _MIB,
        scores=scores / _MIB,
        beside=beside,
    )


def _pass(model: FoundModel, setting: Setting, number: int) -> float:
    """Return the bytes of reading a batch of prompts: the gate, what it is multiplied with, and the rest."""
    shape, tokens = model.shape, setting.prompt
    inner = shape.head_dim * (shape.heads + 2 * shape.kv_heads)
    token = (3 * shape.intermediate + 4 * shape.hidden + inner) * number
    square = shape.heads * tokens * tokens * number if model.engine == "ctranslate2" else 0
    return float(setting.batch_size * (tokens * token + square))
