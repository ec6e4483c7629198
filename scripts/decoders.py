"""A Qwen3 of any size, its weights random: what it says is noise, what it weighs and takes is real.

    python scripts/decoders.py Qwen3-4B FOLDER [--float8] [--like BASE_FOLDER] [--seed 0]

Memory depends on the shapes alone, so that large translators can be measured without downloading them. The
files are those of the hub: bfloat16 in safetensors, or FP8 in blocks of 128 with a scale each; a tokenizer
(that of a Whisper model, `like`: a real one, if a third as large) and Qwen's chat template. No token ends a
reply: the longest that is asked for is what is said.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from bili2text.files import whole
from bili2text.models.store import Places, find
from bili2text.paths import cache_dir
from bili2text.translators.catalog import card_of
from bili2text.translators.values import Shape

_NOISE = (1 << 20) + 7  # numbers that are drawn; odd, so that no two rows of a matrix begin alike
_SCALE = 0.02  # standard deviation; Qwen3's `initializer_range`
_ONE = 0x3F80  # 1.0 in bfloat16
_BLOCK = 128  # FP8 weights have a scale for each so many rows and columns
_E4M3_ONE = 0x38  # 1.0 in float8_e4m3fn: what is drawn stays below
_BYTES = {"BF16": 2, "F8_E4M3": 1, "F32": 4}
_ENDS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
_TEMPLATE = """\
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of a safetensors file."""

    name: str
    kind: str  # as safetensors calls it
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        """How many there are in it."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.numbers * _BYTES[self.kind]


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Tokens by number."""

    spoken: int  # the numbers below stand for pieces of words
    end: int
    pad: int


def make(folder: Path, shape: Shape, like: Path, *, float8: bool = False, seed: int = 0) -> Path:
    """Write a model of this shape into `folder`, which is made, and return it.

    `like` is a folder with a tokenizer.json. FP8 folders have an output layer of their own, as those of the
    hub take memory for one. Raises ValueError for a vocabulary too small for that tokenizer, or for FP8 in a
    shape that is no multiple of 128, StorageError when the disk does not take it.
    """
    if float8:
        if any(size % _BLOCK for size in (shape.hidden, shape.intermediate, shape.head_dim)):
            raise ValueError("FP8 weights come in blocks of 128")
        shape = replace(shape, tied=False)
    folder.mkdir(parents=True, exist_ok=True)
    tokens = _write_texts(folder, shape, like, float8=float8)
    with whole(folder / "model.safetensors") as temporary, temporary.open("wb") as file:
        _write(file, list(tensors(shape, float8=float8)), tokens, seed)
    return folder


def tensors(shape: Shape, *, float8: bool = False) -> Iterator[Tensor]:
    """Yield what a Qwen3 holds (transformers' models/qwen3/modeling_qwen3.py), the embedding first."""
    matrix = "F8_E4M3" if float8 else "BF16"
    inner, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    matrices = {
        "self_attn.q_proj": (inner, shape.hidden),
        "self_attn.k_proj": (keys, shape.hidden),
        "self_attn.v_proj": (keys, shape.hidden),
        "self_attn.o_proj": (shape.hidden, inner),
        "mlp.gate_proj": (shape.intermediate, shape.hidden),
        "mlp.up_proj": (shape.intermediate, shape.hidden),
        "mlp.down_proj": (shape.hidden, shape.intermediate),
    }
    norms = {
        "self_attn.q_norm": shape.head_dim, "self_attn.k_norm": shape.head_dim,
        "input_layernorm": shape.hidden, "post_attention_layernorm": shape.hidden,
    }  # fmt: skip
    yield Tensor("model.embed_tokens.weight", "BF16", (shape.vocab, shape.hidden))
    if not shape.tied:
        yield Tensor("lm_head.weight", "BF16", (shape.vocab, shape.hidden))
    for layer in range(shape.layers):
        for name, (rows, columns) in matrices.items():
            yield Tensor(f"model.layers.{layer}.{name}.weight", matrix, (rows, columns))
            if float8:
                scales = (rows // _BLOCK, columns // _BLOCK)
                yield Tensor(f"model.layers.{layer}.{name}.weight_scale_inv", "F32", scales)
        for name, width in norms.items():
            yield Tensor(f"model.layers.{layer}.{name}.weight", "BF16", (width,))
    yield Tensor("model.norm.weight", "BF16", (shape.hidden,))


def _write(file: BinaryIO, held: list[Tensor], tokens: _Tokens, seed: int) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for one in held:
        header[one.name] = {
            "dtype": one.kind,
            "shape": list(one.shape),
            "data_offsets": [begin, begin + one.size],
        }
        begin += one.size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    random = np.random.default_rng(seed)
    noise = _bfloat16(random.normal(0.0, _SCALE, _NOISE).astype("<f4"))
    small = random.integers(0, _E4M3_ONE, _NOISE, dtype=np.uint8)
    small |= random.integers(0, 2, _NOISE, dtype=np.uint8) << 7  # the sign
    for one in held:
        if one.kind == "F32":
            file.write(np.full(one.numbers, 4 * _SCALE, "<f4").tobytes())
        elif one.kind == "F8_E4M3":
            _fill(file, small, one.numbers)
        elif len(one.shape) == 1:
            file.write(np.full(one.numbers, _ONE, "<u2").tobytes())
        elif one.shape[0] > tokens.spoken and "layers" not in one.name:
            _words(file, noise, one.shape, tokens.spoken)
        else:
            _fill(file, noise, one.numbers)


def _words(file: BinaryIO, noise: NDArray[np.uint16], shape: tuple[int, ...], spoken: int) -> None:
    """Write rows for the pieces of words, zeros for all that ends or steers: of those, none is ever said.

    Nor is number 0, of which a reply that is nonsense is made (translators/hf_watch.py).
    """
    width = shape[1]
    file.write(bytes(2 * width))
    _fill(file, noise, (spoken - 1) * width)
    for _ in range(shape[0] - spoken):
        file.write(bytes(2 * width))


def _fill(file: BinaryIO, noise: NDArray[np.uint8] | NDArray[np.uint16], count: int) -> None:
    for begin in range(0, count, _NOISE):
        file.write(noise[: count - begin].tobytes())


def _bfloat16(numbers: NDArray[np.float32]) -> NDArray[np.uint16]:
    return (numbers.view("<u4") >> 16).astype("<u2")


def _write_texts(folder: Path, shape: Shape, like: Path, *, float8: bool) -> _Tokens:
    """Write the small files, and return what is to be known of the tokens."""
    from tokenizers import AddedToken, Tokenizer

    tokenizer = Tokenizer.from_file(str(like / "tokenizer.json"))
    spoken = tokenizer.get_vocab_size(with_added_tokens=False)
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in _ENDS])
    if tokenizer.get_vocab_size() > shape.vocab:
        raise ValueError(f"the tokenizer has {tokenizer.get_vocab_size()} tokens, the shape {shape.vocab}")
    tokenizer.save(str(folder / "tokenizer.json"))
    numbers = tokenizer.get_vocab()
    tokens = _Tokens(spoken, numbers["<|im_end|>"], numbers["<|endoftext|>"])
    config = _config(shape, tokens)
    if float8:
        config["quantization_config"] = {
            "activation_scheme": "dynamic",
            "fmt": "e4m3",
            "quant_method": "fp8",
            "weight_block_size": [_BLOCK, _BLOCK],
            "modules_to_not_convert": ["lm_head"],
        }
    names = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **names}
    for name, value in (("config.json", config), ("tokenizer_config.json", told)):
        (folder / name).write_text(json.dumps(value, indent=1), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(_TEMPLATE, encoding="utf-8")
    return tokens


def _config(shape: Shape, tokens: _Tokens) -> dict[str, object]:
    return {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "vocab_size": shape.vocab, "tie_word_embeddings": shape.tied, "torch_dtype": "bfloat16",
        "hidden_act": "silu", "rms_norm_eps": 1e-6, "rope_theta": 1000000, "max_position_embeddings": 40960,
        "attention_bias": False, "attention_dropout": 0.0, "initializer_range": _SCALE, "use_cache": True,
        "bos_token_id": tokens.pad, "eos_token_id": tokens.end, "pad_token_id": tokens.pad,
    }  # fmt: skip


def main() -> int:
    """Return 0, or 1 when the name will not do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--float8", action="store_true")
    parser.add_argument(
        "--like", type=Path, help="folder of a Whisper model; the embedded base when left out"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    card = card_of(options.model)
    found = None if options.like else find("base", Places(cache_dir(os.environ), None, os.environ))
    like = options.like or (found.path if found else None)
    if card is None or card.shape is None or like is None:
        print("no such model" if like else "pass --like: the model base is not here", file=sys.stderr)
        return 1
    try:
        make(options.folder, card.shape, like, float8=options.float8, seed=options.seed)
    except BaseException:
        shutil.rmtree(options.folder, ignore_errors=True)
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main())
