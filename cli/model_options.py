"""The options a plan is made from: model, device, card, and what of the decoding takes memory."""

from __future__ import annotations

from pathlib import Path

import click

from cli.parameters import FloatRange, Maybe, Memory, all_of, section

_COMPUTE_TYPES = (
    "auto", "default", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16",
    "float16", "bfloat16", "float32",
)  # fmt: skip
_HUBS = ("hf", "hf-mirror", "modelscope")
_PREFER = ("quality", "balanced", "speed")
_count = click.IntRange(min=1)

_model = section("Model")
_card = section("Card")
_decode = section("Decoding")

model_dir_option = _model(
    "--model-dir",
    "--model-directory",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="A folder that is a model, or that holds models by name.",
)

model_options = all_of(
    _model(
        "-m",
        "--model",
        default="auto",
        show_default=True,
        metavar="NAME",
        help="tiny, base, small, medium, large-v3 (large), large-v3-turbo (turbo), distil-large-v3.5, ...; "
        "a folder, or a hub id. auto: the best one that fits, downloaded unless --offline.",
    ),
    model_dir_option,
    _model(
        "--prefer",
        type=click.Choice(_PREFER),
        default="quality",
        show_default=True,
        help="What to choose by: quality takes the best model; balanced turbo, and a batch that uses the "
        "card; speed a short decoder and the largest batch.",
    ),
    _model("--max-model", metavar="NAME", help="Choose no better model than this."),
    _model("--min-model", metavar="NAME", help="Choose no weaker model than this."),
    _model(
        "--compute-type",
        type=click.Choice(_COMPUTE_TYPES),
        default="auto",
        show_default=True,
        metavar="TYPE",
        help="Precision: float32, float16, bfloat16, int16, int8, or int8_ with one of the others. "
        "auto: what this card runs fast and right; int8 on a CPU.",
    ),
    _model("--fp16/--no-fp16", default=None, help="Short for --compute-type float16 / float32."),
    _model(
        "--threads", type=Maybe(click.IntRange(min=0)), metavar="N", help="CPU threads. Default: every core."
    ),
    _model(
        "--batch-size",
        type=Maybe(_count),
        metavar="N",
        help="Windows decoded at once. Default: what there is room for, up to 32 on a card, 4 on a CPU.",
    ),
    _model(
        "--batched/--no-batched",
        default=True,
        show_default=True,
        help="Decode several windows at once, or one after the other.",
    ),
    _model(
        "--offline",
        "--local-files-only",
        "--model-cache-only",
        is_flag=True,
        help="Use no network for models.",
    ),
)

hub_option = _model("--hub", type=click.Choice(_HUBS), help="Where models are downloaded from.")

card_options = all_of(
    _card("--gpu", metavar="UUID", help="This card and no other, by the beginning of its UUID."),
    _card(
        "--vram-budget",
        type=Memory(),
        metavar="GB",
        help="Use no more of the card than this, however much is free.",
    ),
    _card(
        "--reserve",
        type=Memory(),
        default=None,
        metavar="GB",
        help="Leave this much of the card free, beside the margin that is always left.",
    ),
    _card(
        "--policy",
        type=click.Choice(("measured", "guide")),
        default="measured",
        show_default=True,
        help="measured: from the free memory and what models really take; guide: the guide's table and tree.",
    ),
    _card(
        "--precision-policy",
        type=click.Choice(("fp16", "chosen", "dynamic", "mixed")),
        default="fp16",
        show_default=True,
        help="fp16: for every model; chosen: for --fp16-models alone; dynamic: on cards under 20 GB; "
        "mixed: the output layer in float32, where the engine can (Whisper's cannot: as fp16).",
    ),
    _card("--fp16-models", metavar="NAMES", help="The models of --precision-policy chosen, with commas."),
    _card("--use-fp16/--no-use-fp16", default=True, show_default=True, help="Whether float16 may be chosen."),
    _card(
        "--use-int8/--no-use-int8",
        default=None,
        help="int8 first, or never. Default: where float16 has no room.",
    ),
    _card(
        "--auto-optimize/--no-auto-optimize",
        default=True,
        show_default=True,
        help="Step to the next precision or size when one fails; without it a failure is an error.",
    ),
)

min_free_memory_option = _card(
    "--min-free-memory",
    type=Memory(),
    default="2",
    show_default=True,
    metavar="GB",
    help="While the card's memory is watched, warn when less than this of it is free.",
)

# What acts on a run alone, and on no plan
running_options = all_of(
    _card(
        "--gpu-wait",
        type=FloatRange(min=0),
        default=30.0,
        show_default=True,
        metavar="S",
        help="Seconds to wait for memory that another program takes in mid-run, before stepping down.",
    ),
    min_free_memory_option,
    _card(
        "--enable-monitoring/--no-enable-monitoring",
        default=False,
        show_default=True,
        help="Watch the card's memory during the run: warnings, a log, peak and mean in the result.",
    ),
)

device_options = all_of(
    _model(
        "--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cuda, cuda:N or cpu."
    ),
    _model("--device-index", type=click.IntRange(min=0), metavar="N", help="The same as --device cuda:N."),
)

cpu_fallback_option = _model(
    "--cpu-fallback/--no-cpu-fallback",
    default=True,
    show_default=True,
    help="Go on on the CPU when there is no card to use.",
)

planning_options = all_of(
    _decode("-l", "--language", metavar="LANG", help="en, zh, Chinese, ...; auto or None detects it."),
    _decode(
        "--task",
        type=click.Choice(("transcribe", "translate")),
        default="transcribe",
        show_default=True,
        help="translate: into English, by Whisper itself.",
    ),
    _decode(
        "--beam-size",
        type=Maybe(_count, none=1),
        metavar="N",
        help="Width of the beam search; 1 or None is greedy. Default: 5 on a card, 8 on a CPU; 1 where "
        "there is no room.",
    ),
    _decode(
        "--best-of",
        type=Maybe(_count, none=1),
        metavar="N",
        help="Candidates when sampling. Default: 5, or 1 where the card has no room for five.",
    ),
    _decode(
        "--word-timestamps/--no-word-timestamps", default=False, show_default=True, help="Time every word."
    ),
)
