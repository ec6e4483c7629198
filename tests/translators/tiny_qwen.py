"""A Qwen3 small enough to be made by the tests: real in every file, random in every weight.

It says nothing, always the same nothing. Its FP8 twin holds the same weights as real FP8 folders do.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HIDDEN = 128  # FP8 weights come in blocks of 128 by 128
VOCAB = 640  # the tokenizer has fewer: real Qwens are padded, too
BLOCK = 128
_FP8_LARGEST = 448.0  # of float8_e4m3fn
_END = 1.6

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ADDED = ("<think>", "</think>")  # tokens, but no special ones: they show in decoded text

# How Qwen cuts text before its BPE.
_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# The features of Qwen3's own: a system turn or none, thinking taken out of earlier turns, and an empty
# thought where thinking is off.
TEMPLATE = """\
{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(last_query=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- if message.role == 'user' %}
        {%- set ns.last_query = messages|length - 1 - loop.index0 %}
        {%- break %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is not string %}
        {{- raise_exception('a turn without text') }}
    {%- endif %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}
    {%- elif message.role == 'assistant' %}
        {%- set content = message.content %}
        {%- if '</think>' in content and loop.index0 < ns.last_query %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {{- '<|im_start|>assistant\\n' + content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""

_TEXTS = (
    "大家好，欢迎来到今天的课程，我们先来复习一下上节课的内容。",
    "这个问题其实没有你想象的那么复杂，关键是要找到正确的方法。",
    "昨天晚上下了一场大雨，路上堵车堵了两个小时。他说他明天下午三点会准时到机场接你。",
    "如果显存不够，可以先把批次大小调小一点。",
    "Hello everyone, and welcome back to the channel. Please turn off your phone before the film starts.",
    "You can reduce the batch size if your graphics card runs out of memory.",
    "Translate the sentence into English. Only the translation, nothing else. 把下面的句子翻译成中文。",
    "お元気ですか。はい、元気です。안녕하세요. Привет, как дела?",
)


def build_tokenizer(folder: Path) -> None:
    """Write tokenizer.json, tokenizer_config.json and chat_template.jinja as Qwen3 has them."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from tokenizers.trainers import BpeTrainer

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=560,
        min_frequency=1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_TEXTS * 2, trainer)
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in SPECIALS])
    tokenizer.add_tokens([AddedToken(name, special=False, normalized=False) for name in ADDED])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "Qwen2Tokenizer",
        "bos_token": None,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "unk_token": None,
        "add_bos_token": False,
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "errors": "replace",
        "model_max_length": 131072,
        "split_special_tokens": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")


def build(folder: Path, *, seed: int = 0, tied: bool = True) -> Path:
    """Write a Qwen3 in bfloat16 to `folder`, which is made, and return it."""
    import torch
    from tokenizers import Tokenizer
    from transformers import Qwen3Config, Qwen3ForCausalLM

    folder.mkdir(parents=True)
    build_tokenizer(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    end, pad = tokenizer.token_to_id("<|im_end|>"), tokenizer.token_to_id("<|endoftext|>")
    config = Qwen3Config(
        vocab_size=VOCAB,
        hidden_size=HIDDEN,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=64,
        max_position_embeddings=2048,
        tie_word_embeddings=tied,
        bos_token_id=pad,
        eos_token_id=end,
        pad_token_id=pad,
        initializer_range=0.2,  # large: what it says shall not be one token for ever
    )
    torch.manual_seed(seed)
    model: Any = Qwen3ForCausalLM(config)
    model.to(torch.bfloat16)
    with torch.no_grad():
        said = model.get_output_embeddings().weight
        said[tokenizer.get_vocab_size() :] = 0  # what stands for no token is never said, as in trained models
        said[end] *= _END  # its logit varies more than others': some replies end early, some never
    model.generation_config.update(
        do_sample=True, temperature=0.6, top_p=0.95, top_k=20, eos_token_id=[end, pad], pad_token_id=pad
    )
    model.save_pretrained(folder)
    return folder


def build_fp8(source: Path, folder: Path) -> Path:
    """Write the FP8 twin of `source` to `folder`, as Qwen3-*-FP8 are: blocks of 128, a scale for each."""
    import torch
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    tensors: dict[str, Any] = {}
    for name, weight in load_file(source / "model.safetensors").items():
        if not name.endswith("_proj.weight"):  # embeddings, norms and the output layer stay
            tensors[name] = weight
            continue
        rows, columns = weight.shape
        blocks = weight.float().reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)
        scale = blocks.abs().amax(dim=(1, 3)) / _FP8_LARGEST
        tensors[name] = (blocks / scale[:, None, :, None]).reshape(rows, columns).to(torch.float8_e4m3fn)
        tensors[f"{name}_scale_inv"] = scale
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": [BLOCK, BLOCK],
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    return folder


def spoil(source: Path, folder: Path) -> Path:
    """Write `source` to `folder` with NaN in the first layer, and return it."""
    import shutil

    from safetensors.torch import load_file, save_file

    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.0.mlp.down_proj.weight"].fill_(float("nan"))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder
