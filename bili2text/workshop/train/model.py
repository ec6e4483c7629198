"""Students from nothing, and trained models on disk."""

from __future__ import annotations

import torch
from transformers import GenerationConfig, M2M100Config, M2M100ForConditionalGeneration, PreTrainedModel

from bili2text.errors import ModelError
from bili2text.seq2seq.codec import Codec
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.run import Run
from bili2text.workshop.students import Student
from bili2text.workshop.train.faults import disk
from bili2text.workshop.train.quiet import quiet

DROPOUT = 0.1  # NLLB's own (its config.json)


def build(
    student: Student, codec: Codec, seed: int, *, dropout: float = DROPOUT
) -> M2M100ForConditionalGeneration:
    """Return a student with random weights, float32; the same for the same seed.

    NLLB's class rather than Marian's: CTranslate2 computes it as transformers does. The vocabulary is the
    codec's, which may be smaller than the student's where the pairs have not more to offer.
    Raises ModelError for a codec that has more tokens than the student.
    """
    if codec.size > student.vocab:
        raise ModelError(
            f"the vocabulary has {codec.size} tokens, {student.name} has room for {student.vocab}",
            hint="take the vocabulary that was made for it",
        )
    config = M2M100Config(
        vocab_size=codec.size,
        d_model=student.width,
        encoder_layers=student.encoder_layers,
        decoder_layers=student.decoder_layers,
        encoder_attention_heads=student.heads,
        decoder_attention_heads=student.heads,
        encoder_ffn_dim=student.ffn,
        decoder_ffn_dim=student.ffn,
        max_position_embeddings=student.positions,
        dropout=dropout,
        attention_dropout=dropout,
        encoder_layerdrop=0.0,  # with one decoder layer there is none to spare
        decoder_layerdrop=0.0,
        tie_word_embeddings=student.tied,
        # as fairseq began NLLB (embeddings d^-0.5; Xavier for square matrices): with transformers' 0.02 a
        # narrow student learned to write, and never to read its source
        init_std=student.width**-0.5,
        pad_token_id=codec.pad,
        eos_token_id=codec.end,
        decoder_start_token_id=codec.end,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = M2M100ForConditionalGeneration(config)
    model.generation_config = generation(codec, student.positions)
    return model


def generation(codec: Codec, positions: int) -> GenerationConfig:
    """Return how a model of ours generates: greedily, up to its positions.

    The target's language is forced where there is one direction; with two it is passed with each call, for
    one stored in the folder would turn the other direction into rubbish (transformers#41521).
    """
    forced = codec.first(codec.ways[0]) if len(codec.ways) == 1 else None
    return GenerationConfig(
        max_length=positions,
        num_beams=1,
        do_sample=False,
        pad_token_id=codec.pad,
        eos_token_id=codec.end,
        decoder_start_token_id=codec.end,
        forced_bos_token_id=forced,
    )


def save_model(model: PreTrainedModel, codec: Codec, run: Run) -> None:
    """Write RUN/vocabulary and RUN/model, each whole or not at all; what was there is replaced.

    float32, whatever it was trained in. Raises StorageError, and then what was there is as it was.
    """
    with whole_folder(run.vocabulary) as folder:
        codec.save(folder)
    used = model.config.use_cache
    model.config.use_cache = True  # the trainer turns it off, for itself alone
    try:
        with whole_folder(run.model) as folder, disk(run.model), quiet():
            model.save_pretrained(folder)
    finally:
        model.config.use_cache = used
