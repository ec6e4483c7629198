"""How much memory a Whisper model takes, and how fast a CPU is with it, by arithmetic on its shape. Pure.

The parts are weights, padding, context, and the largest of encoding, decoding, decoding again, timing words
and asking for marks; the bytes of each are in stages.py. How far the sum is from what was measured:
docs/memory.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from bili2text.models.catalog import Dims
from bili2text.plan import stages
from bili2text.plan.stages import BYTES, FRAMES, LONGEST, MARKING, SPOKEN, TOLD

COMPUTE_TYPES = tuple(BYTES)
_MIB = 2.0**20

# The CUDA context is 3.0 to 3.15 MiB for each multiprocessor, on cards of 34 to 188 of them
# (ggml-org/llama.cpp #23604, invoke-ai/InvokeAI #9413, unslothai/unsloth-zoo #1053). What CTranslate2's
# kernels and cuBLAS add is not published: 100 MiB makes the published peaks come out.
_CONTEXT_PER_SM = 3.1
_CONTEXT_BASE = 100.0
_USUAL_SMS = 60

# What a CPU takes besides, from docs/measurements/cpu_memory.json (one machine: AMD EPYC, 4 cores, Linux).
_PROGRAM = 160.0  # MiB: Python and all libraries 118, the tokenizer and a first encoding 40
_KEPT_UNITS = 20  # encoded windows' worth of buffers that stay after the first
_ENCODER_SLACK = 1.15  # tiny takes so much more than computed; the larger ones do not
_HOLES = 0.75  # of the text's keys and values: at each token they outgrow the holes they leave in the heap

_ON_CPU = {
    "float16": "float32",
    "bfloat16": "float32",
    "int8_float16": "int8_float32",
    "int8_bfloat16": "int8_float32",
}

# Speed of one core, by bytes of a weight, from the same measurement: the encoder's and the decoder's 10^9
# operations a second, and 10^9 bytes of weights a second, which each step of the decoder reads once.
_RATES = {1: (65.0, 37.0, 1.0), 2: (42.0, 19.0, 2.5), 4: (42.0, 19.0, 5.0)}
_STEP_SECONDS = 0.01  # what a step of the decoder takes however small the model
_SECONDS = 28.0  # of sound in a window, as audio/chunks.py cuts it
_SAID = 100  # tokens in a window of speech, about
_WORKERS = 8  # parts of a batch side by side: each takes memory, and the caches are shared
_USED = 0.8  # share of the threads


@dataclass(frozen=True, slots=True)
class Setting:
    """How a model is run, as far as memory goes."""

    compute_type: str
    batch_size: int = 1
    beam_size: int = 5
    best_of: int = 5  # candidates when one window is decoded again at a temperature
    encoder_batch: int | None = None  # windows encoded at once, kept in RAM; None: all, kept on the card
    word_timestamps: bool = False
    told: int = TOLD  # tokens of prompt, hotwords and text before, at most
    marks: bool = False  # whether marks are asked for, a window at a time

    @property
    def tokens(self) -> int:
        """Tokens the decoder holds at most: what it was told, the marks around it, and what it may say."""
        return min(LONGEST, self.told + SPOKEN)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a model takes at its worst moment, part by part, in MiB; of `encoder` to `load` the largest."""

    weights: float
    padding: float  # the output layer's copy, of a size tensor cores like
    context: float  # on a card CUDA and its kernels; on a CPU Python and the libraries
    encoder: float
    decoder: float
    again: float  # one window alone, several samples of it, while the batch waits
    words: float
    marks: float = 0.0  # asked for one window at a time
    load: float = (
        0.0  # while the file is read and converted, beyond the weights; on a card that is RAM's affair
    )
    windows: int = 1
    samples: int = 1
    beside: str = "CUDA"  # what `context` is called

    @property
    def peak(self) -> float:
        """The memory to have free before the model is loaded, in MiB."""
        return self.weights + self.padding + self.context + self._worst[0]

    @property
    def activations(self) -> float:
        """What comes on top of the weights and goes away again: the largest of the stages, in MiB."""
        return self._worst[0]

    def arithmetic(self) -> str:
        """Return the sum as one line, rounded so that it adds up: "weights 2944 + ... = 5646 MiB"."""
        worst, name = self._worst
        parts = (
            ("weights", self.weights),
            ("padding", self.padding),
            (self.beside, self.context),
            (name, worst),
        )
        shown, so_far, total = [], 0.0, 0
        for label, mib in parts:
            so_far += mib
            # each part is what it adds to the rounded sum
            if ceil(so_far) > total:
                shown.append(f"{label} {ceil(so_far) - total}")
                total = ceil(so_far)
        return " + ".join(shown) + f" = {total} MiB"

    @property
    def _worst(self) -> tuple[float, str]:
        many = f"{self.windows} window{'s' * (self.windows > 1)}"
        return max(
            (self.encoder, f"encoding {many}"),
            (self.decoder, f"decoding {many}"),
            (self.again, f"decoding a window again, {self.samples} samples"),
            (self.words, f"timing the words of {many}"),
            (self.marks, "asking for marks"),
            (self.load, "reading the file"),
        )


def on_card(dims: Dims, setting: Setting, sms: int) -> Footprint:
    """Return what a card with `sms` multiprocessors needs free; with 0 (not known) 60 are taken for it.

    "int8" leaves all but the weights to how the model was stored: counted as float32, the larger.
    Raises KeyError for a compute type that CTranslate2 does not have.
    """
    weight, number = BYTES[setting.compute_type]
    held = 0 if setting.encoder_batch else setting.batch_size * FRAMES * dims.width * number
    return replace(
        _stages(dims, setting, number, weight, held=held, tokens=setting.tokens),
        weights=stages.weights_bytes(dims, setting.compute_type) / _MIB,
        padding=stages.padding_bytes(dims, weight, number) / _MIB,
        context=_CONTEXT_BASE + _CONTEXT_PER_SM * (sms or _USUAL_SMS),
    )


def on_cpu(
    dims: Dims, setting: Setting, tokens: int | None = None, *, workers: int | None = None
) -> Footprint:
    """Return the RAM of the whole process at its peak: an upper bound of all that docs/memory.md measured.

    A CPU takes float32 where half precision is asked for. `tokens` are those in the decoder, where they are
    known: to compare with a measurement. So many `workers` encode a window each at a time; None: one encodes
    the whole batch. Raises KeyError for an unknown compute type.
    """
    tokens = tokens or setting.tokens
    compute_type = _ON_CPU.get(setting.compute_type, setting.compute_type)
    weight, number = BYTES[compute_type]
    unit = FRAMES * dims.width * number
    held = setting.batch_size * unit
    if workers is not None:
        setting = replace(setting, encoder_batch=workers)
    plain = _stages(dims, setting, number, weight, held=held, tokens=tokens, marking=workers or 1)
    weights = stages.weights_bytes(dims, compute_type) / _MIB
    kept = (workers or 1) * _KEPT_UNITS * unit / _MIB
    rows = setting.batch_size * setting.beam_size
    return replace(
        plain,
        weights=weights,
        context=_PROGRAM,
        encoder=plain.encoder * _ENCODER_SLACK + (held / _MIB if setting.encoder_batch else 0.0) + kept,
        decoder=plain.decoder + _HOLES * stages.text_bytes(dims, rows, number, tokens) / _MIB + kept,
        again=plain.again + _HOLES * stages.text_bytes(dims, setting.best_of, number, tokens) / _MIB + kept,
        words=plain.words + kept if setting.word_timestamps else 0.0,
        marks=plain.marks + kept if setting.marks else 0.0,
        load=stages.loading(dims, compute_type) / _MIB - weights,
        beside="program",
    )


def workers(threads: int, batch: int) -> int:
    """Return in how many parts a batch is best computed side by side on a CPU; each has threads // them.

    Two threads for one call wait for each other: 8 windows of base, four at a time, took 2 cores 12.9 CPU
    seconds and 7.8 s with two threads for each call, 10.5 and 5.5 s in two parts of one thread
    (docs/benchmark.md). So there are as many parts as threads, but no more than windows; fewer where they
    would leave more than a fifth of the threads idle, as eight of 12 would.
    """
    most = max(1, min(threads, batch, _WORKERS))
    return next(one for one in range(most, 0, -1) if one == 1 or threads // one * one >= _USED * threads)


def cpu_speed(dims: Dims, setting: Setting, cores: int) -> float:
    """Return about how many seconds of speech are heard in one second: an estimate, to choose a model by.

    Products of matrices, at the rates of docs/measurements/cpu_memory.json: of one machine, and shared; int16
    was not measured and is taken for float32. Every core counts alike, each window is decoded once; what is
    decoded or heard again comes on top. Raises KeyError for an unknown compute type.
    """
    weight, _ = BYTES[_ON_CPU.get(setting.compute_type, setting.compute_type)]
    encoder, decoder, read = (rate * 1e9 * max(cores, 1) for rate in _RATES[weight])
    d, layers = dims.width, dims.decoder_layers
    matrices = 16 * d * d * layers + dims.vocab * d
    window = 24 * d * d * FRAMES * dims.encoder_layers + 4 * FRAMES * FRAMES * d * dims.encoder_layers
    sound = 4 * d * d * FRAMES * layers
    row = 2 * matrices + 4 * FRAMES * d * layers
    rows = setting.batch_size * setting.beam_size
    batch = setting.batch_size * (window / encoder + sound / decoder)
    step = _STEP_SECONDS + matrices * weight / read + rows * row / decoder
    return setting.batch_size * _SECONDS / (batch + _SAID * step)


def _stages(
    dims: Dims, setting: Setting, number: int, weight: int, *, held: int, tokens: int, marking: int = 1
) -> Footprint:
    """Return the stages of transcribe/ct2.py in MiB, all else at 0.

    `held` are the bytes of sound kept encoded, `marking` the windows whose marks are asked for at once.
    """
    batch = setting.batch_size
    at_once = min(setting.encoder_batch or batch, batch)
    alone = max(stages.encoding(dims, number), stages.sampling(dims, setting.best_of, number, tokens))
    together = stages.decoding(dims, batch, batch * setting.beam_size, number, tokens)
    words = held + batch * stages.timing(dims, number, weight) if setting.word_timestamps else 0
    marks = held + marking * stages.timing(dims, number, weight, MARKING) if setting.marks else 0
    return Footprint(
        weights=0.0,
        padding=0.0,
        context=0.0,
        encoder=at_once * stages.encoding(dims, number) / _MIB,
        decoder=(held + together) / _MIB,
        again=(held + alone) / _MIB,
        words=words / _MIB,
        marks=marks / _MIB,
        windows=batch,
        samples=setting.best_of,
    )
