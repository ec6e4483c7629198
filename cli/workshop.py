"""`workshop`: small zh<->en translators, from pairs of sentences to a device."""

from __future__ import annotations

import click

from cli.lazy import LazyGroup

COMMANDS = {
    "plan": ("cli.workshop_plan", "What a training takes: memory by length, steps, hours, disk."),
    "prepare": ("cli.workshop_prepare", "Pairs from files and known collections, filtered and split."),
    "finetune": ("cli.workshop_finetune", "Train a model on prepared pairs, by a preset."),
    "label": ("cli.workshop_label", "Let a teacher translate, or say how likely each word is, in shards."),
    "distil": ("cli.workshop_distil", "Train a student on what the teacher said, shard by shard."),
    "quantize": (
        "cli.workshop_quantize",
        "Convert a run for CTranslate2, and compare it with what was trained.",
    ),
    "evaluate": (
        "cli.workshop_evaluate",
        "BLEU, chrF, latency and memory, both directions, on your test sets.",
    ),
    "sweep": ("cli.workshop_sweep", "Students of several sizes, and the best by BLEU, latency and memory."),
    "export": ("cli.workshop_export", "For CTranslate2, ONNX or a Rockchip NPU (RKNN)."),
    "compare": ("cli.workshop_compare", "Two translators on one text, blind, with your votes kept."),
}
# after Ctrl-C; the others begin anew
GO_ON = {
    "finetune": "run it with the same --out and --resume: it goes on from the last checkpoint",
    "label": "run the same command again: it goes on where it was",
    "distil": "run the same command again with --resume: it goes on where it was",
    "sweep": "run the same command again: it goes on where it was",
}


@click.group(
    "workshop",
    cls=LazyGroup,
    commands_by_name=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """Train, distil, measure and export small zh<->en translators.

    \b
    bili2text workshop plan --preset rtx4080s --card 16GB
    bili2text workshop prepare --pairs mine.tsv --out data
    bili2text workshop finetune data --preset rtx4080s --out run
    bili2text translate talk.srt --to en --engine workshop:run
    """
