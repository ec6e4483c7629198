"""The bytes of a Whisper model in CTranslate2 4.8, stage by stage, read off its sources. Pure.

Each function names the file and function it was read from. `weight` is the bytes of a weight, `number` those
of any other number. A window, once encoded, is 1500 vectors of the model's width: the `unit`.
"""

from __future__ import annotations

from math import ceil

from bili2text.models.catalog import Dims

FRAMES = 1500  # vectors a window of 30 s is encoded into
LONGEST = 448  # tokens the decoder has room for: what was said before, and as many new ones
# Of them at most in one window's words: 224 new ones, which is CTranslate2's limit whatever it was told
# (src/models/whisper.cc `generate`: half of the longest), and the marks around them.
SPOKEN = 229
TOLD = 223  # tokens of prompt, hotwords and text before that transcribe/ct2.py puts before a window's own
_MEL_FRAMES = 3000
MARKING = SPOKEN + 14  # tokens in a window whose marks are asked for: a sentence that has some comes before
# Heads that time words. openai/whisper's whisper/__init__.py names 5 to 23 of them, model by model.
_TIMING_HEADS = 24

# Bytes of a weight, and of any other number.
BYTES = {
    "float32": (4, 4),
    "float16": (2, 2),
    "bfloat16": (2, 2),
    "int8_float16": (1, 2),
    "int8_bfloat16": (1, 2),
    "int8_float32": (1, 4),
    "int8": (1, 4),
    "int16": (2, 4),
}


def weights_bytes(dims: Dims, compute_type: str) -> int:
    """Return the bytes of the weights as CTranslate2 holds them: exact, and float16's are those of the file.

    Matrices take the compute type's weights, with a float32 scale for each row when that is int8; all else
    (convolutions, biases, norms, positions) the type's other number (src/models/model.cc `set_compute_type`,
    src/models/whisper.cc `is_quantizable`).
    """
    weight, number = BYTES[compute_type]
    matrices, rows, rest = _counts(dims)
    scales = 4 * rows if weight == 1 else 0
    return matrices * weight + scales + rest * number


def _counts(dims: Dims) -> tuple[int, int, int]:
    """Return the numbers in matrices, the rows of these, and all other numbers."""
    d, enc, dec = dims.width, dims.encoder_layers, dims.decoder_layers
    matrices = 12 * d * d * enc + 16 * d * d * dec + dims.vocab * d
    rows = 9 * d * enc + 13 * d * dec + dims.vocab
    biases_and_norms = (9 + 4) * d * enc + (13 + 6) * d * dec + 4 * d
    convolutions = 3 * d * dims.mels + d + 3 * d * d + d
    return matrices, rows, biases_and_norms + convolutions + (FRAMES + LONGEST) * d


def padding_bytes(dims: Dims, weight: int, number: int) -> int:
    """Return the bytes of the second output layer, for a vocabulary that is no multiple of what cores like.

    src/layers/decoder.cc `update_output_layer`; the multiples: src/types.cc, OpenNMT/CTranslate2 #1982.
    """
    multiple = 16 if weight == 1 else 8 if number == 2 else 1
    if dims.vocab % multiple == 0:
        return 0
    return ceil(dims.vocab / multiple) * multiple * dims.width * weight


def loading(dims: Dims, compute_type: str) -> int:
    """Return the bytes of RAM at the worst moment of loading a file of float16.

    That is all of it, or all that becomes of it, and the largest matrix on its way through float32
    (src/models/model.cc `set_compute_type`, `ensure_dtype`).
    """
    whole = max(weights_bytes(dims, "float16"), weights_bytes(dims, compute_type))
    return whole + dims.vocab * dims.width * (4 + BYTES[compute_type][0] % 4)


def encoding(dims: Dims, number: int) -> int:
    """Return the bytes one window takes in the encoder: each head's square of scores, six vectors a frame.

    The scores become probabilities in place since 4.8.1 (src/layers/attention.cc; OpenNMT/CTranslate2 #2066).
    """
    scores = dims.heads * FRAMES * FRAMES * number
    return scores + 6 * FRAMES * dims.width * number + dims.mels * _MEL_FRAMES * number


def decoding(dims: Dims, windows: int, rows: int, number: int, tokens: int = LONGEST) -> int:
    """Return the bytes of a search with `rows` beams in all: keys and values of the sound and of the text.

    Beams share the sound's (src/layers/transformer.cc `replicate_state`). One state is copied at a time, and
    the first pass projects a layer's keys and values before it splits them. Three sets of scores over the
    vocabulary (src/decoding.cc `BeamSearch`, src/models/whisper.cc `ApplyTimestampRules`).
    """
    unit = FRAMES * dims.width * number
    sound = windows * unit * (2 * dims.decoder_layers + 1)
    moved = max(rows * tokens * dims.width * number, 4 * windows * unit)
    return sound + text_bytes(dims, rows, number, tokens) + moved + 3 * rows * dims.vocab * number


def text_bytes(dims: Dims, rows: int, number: int, tokens: int = LONGEST) -> int:
    """Return the bytes of the keys and values of what `rows` beams or samples said, a pair for each layer."""
    return 2 * dims.decoder_layers * rows * tokens * dims.width * number


def sampling(dims: Dims, samples: int, number: int, tokens: int = LONGEST) -> int:
    """Return the bytes of decoding one window from `samples` at once, its encoded sound among them.

    Each sample has the sound's keys and values to itself (src/decoding.cc `GreedySearch`, `repeat_batch`),
    which would explain the spikes of SYSTRAN/faster-whisper #53. An English model has no prompt to compute
    them from before that: each of its samples computes its own.
    """
    unit = FRAMES * dims.width * number
    english = dims.vocab == 51864
    sound = unit * (2 + (2 * dims.decoder_layers + english) * samples)
    moved = max(samples * tokens * dims.width * number, 4 * unit * (samples if english else 1))
    return sound + text_bytes(dims, samples, number, tokens) + moved + 3 * samples * dims.vocab * number


def timing(dims: Dims, number: int, weight: int, tokens: int = SPOKEN) -> int:
    """Return the bytes of timing one window's words, two copies of its encoded sound with it.

    All text in one pass: a layer's scores and probabilities, those of the heads that time, and twice a score
    for each token and word of the vocabulary, summed up in int32 when weights are int8 (src/models/whisper.cc
    `align`, src/layers/common.cc `Dense`; twice is as measured on a CPU).
    """
    unit = FRAMES * dims.width * number
    heads = min(_TIMING_HEADS, dims.heads * dims.decoder_layers) * tokens * FRAMES * number
    layer = 4 * unit + 2 * dims.heads * tokens * FRAMES * number
    logits = tokens * dims.vocab * (2 * number + (4 if weight == 1 else 0))
    return 2 * unit + heads + max(layer, heads, logits)
