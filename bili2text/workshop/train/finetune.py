"""`workshop finetune`: from prepared pairs to a trained model in a run's folder."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from transformers import M2M100ForConditionalGeneration, PreTrainedModel

from bili2text.errors import ModelError, SourceError, UsageError
from bili2text.progress import Progress, Stage
from bili2text.seq2seq.codec import Codec
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.text_codec import of_qwen, trained
from bili2text.seq2seq.values import Way
from bili2text.workshop import checkpoints
from bili2text.workshop.course import course
from bili2text.workshop.data.corpus import Split, open_split, split_path
from bili2text.workshop.data.encoded import Encoded, Ordered, encode, examples_of
from bili2text.workshop.finetuning import FinetuneRequest, settled, write_down
from bili2text.workshop.folders import whole_folder
from bili2text.workshop.held import alone
from bili2text.workshop.run import Run
from bili2text.workshop.students import STUDENTS
from bili2text.workshop.train import faults
from bili2text.workshop.train.card import on_card
from bili2text.workshop.train.examples import Example
from bili2text.workshop.train.lesson import Lesson, Trained
from bili2text.workshop.train.model import build, generation, save_model
from bili2text.workshop.train.pretrained import codec_of, load, refuse_mismatch, trim
from bili2text.workshop.train.trainer import train
from bili2text.workshop.values import Preset

__all__ = ["FinetuneRequest", "finetune"]

_COUNTED = 200_000  # pairs whose tokens are counted to see which to keep: more change the order no longer
_ENCODED = "encoded"  # the pairs as tokens; removed once the model is trained


def finetune(request: FinetuneRequest, progress: Progress) -> Trained:
    """Train the preset's model on the pairs, write it into the run's folder, and return how far it came.

    The run holds settings.toml, log.jsonl, checkpoints, and in the end vocabulary/ and model/. With `resume`
    it goes on from the newest whole checkpoint, to the same weights as if it had not been interrupted.
    Raises UsageError where the run is there and not to be gone on with, was begun with other settings or
    pairs, or is finished; SourceError, ModelError, and what `train` raises.
    """
    on_card(request.device)  # that there is none is said before anything is begun
    run = Run(request.out)
    pairs = open_split(request.data, "train")
    if not len(pairs):
        raise SourceError(f"no pairs to learn from in {request.data}")
    with alone(run.folder, "training"):
        request = settled(run, request)
        model, codec = _model_of(run, request, pairs, progress)
        refuse_mismatch(model, codec)
        write_down(run, request)
        if checkpoints.newest(run.checkpoints) is None:
            with whole_folder(run.vocabulary) as folder:
                codec.save(folder)
        lesson = _lesson(run, request, model, codec, pairs, progress)
        progress.note(
            f"{model.num_parameters() / 1e6:.1f}M parameters, {len(lesson.examples):,} examples in "
            f"{lesson.steps:,} steps"
        )
        found = train(lesson, model, codec, progress)
        save_model(model, codec, run)
        shutil.rmtree(run.folder / _ENCODED, ignore_errors=True)
    return found


def _model_of(
    run: Run, request: FinetuneRequest, pairs: Split, progress: Progress
) -> tuple[PreTrainedModel, Codec]:
    """Return the model to train and its vocabulary: of the newest checkpoint, or of what is asked for."""
    last = checkpoints.newest(run.checkpoints)
    if last is not None:
        return _resumed(last), open_codec(run.vocabulary)
    wanted = request.preset.model
    codec = _student_codec(request, pairs, progress) if wanted.id in STUDENTS else codec_of(wanted.id)
    if not set(wanted.directions) <= set(codec.ways):
        raise UsageError(
            f"{wanted.id} translates {', '.join(codec.ways)}, not {', '.join(wanted.directions)}",
            hint="change directions in the preset",
        )
    codec.ways = wanted.directions
    return _first_model(request, codec, pairs)


def _resumed(last: Path) -> PreTrainedModel:
    try:
        return load(str(last))
    except ModelError as error:
        raise faults.damaged(last) from error


def _student_codec(request: FinetuneRequest, pairs: Split, progress: Progress) -> Codec:
    name = request.preset.model.id
    if name.startswith("qwen-"):
        if request.vocabulary is None:
            raise UsageError(
                f"{name} takes its vocabulary from a Qwen", hint="pass its tokenizer.json by --vocabulary"
            )
        return of_qwen(request.vocabulary, STUDENTS[name].vocab)
    with progress.stage("vocabulary", len(pairs), "pairs") as stage:
        return trained(_texts(pairs, stage), STUDENTS[name].vocab)


def _texts(pairs: Split, stage: Stage) -> Iterator[str]:
    for pair in pairs:
        yield from (pair.zh, pair.en)
        stage.advance(1)


def _first_model(request: FinetuneRequest, codec: Codec, pairs: Split) -> tuple[PreTrainedModel, Codec]:
    wanted = request.preset.model
    if wanted.id in STUDENTS:
        return build(STUDENTS[wanted.id], codec, request.preset.data.seed), codec
    model = load(wanted.id)
    refuse_mismatch(model, codec)
    if wanted.trim_vocab:
        model, codec = trim(model, codec, _commonest(pairs, codec, wanted.directions, wanted.trim_vocab))
    if isinstance(model, M2M100ForConditionalGeneration):  # opus-mt keeps its own: it forbids the pad token
        model.generation_config = generation(codec, model.config.max_position_embeddings)
    return model, codec


def _commonest(pairs: Split, codec: Codec, ways: Sequence[Way], count: int) -> list[int]:
    """Return the tokens that the pairs use most; among equals the lower number."""
    used: Counter[int] = Counter()
    for pair in islice(pairs, _COUNTED):
        for way in ways:
            used.update(codec.source(pair.source(way), way))
            used.update(codec.target(pair.target(way), way))
    return sorted(used, key=lambda token: (-used[token], token))[:count]


def _lesson(
    run: Run,
    request: FinetuneRequest,
    model: PreTrainedModel,
    codec: Codec,
    pairs: Split,
    progress: Progress,
) -> Lesson:
    preset = request.preset
    most = min(preset.data.max_tokens, model.config.max_position_embeddings)
    found = _encoded(run, codec, preset, most, pairs, progress)
    order = course(found.lengths, preset.train, preset.data.seed)
    pairs_a_step = preset.train.batch * preset.train.accumulate
    steps = min(len(order) // pairs_a_step, request.max_steps or len(order))
    return Lesson(
        run,
        preset.train,
        preset.decode,
        Ordered(found, order[: steps * pairs_a_step]),
        steps,
        _dev(request, codec, most, progress),
        device=request.device,
        seed=preset.data.seed,
    )


def _encoded(run: Run, codec: Codec, preset: Preset, most: int, pairs: Split, progress: Progress) -> Encoded:
    folder = run.folder / _ENCODED
    ways = preset.model.directions
    found = Encoded(folder) if folder.is_dir() else encode(pairs, codec, ways, most, folder, progress)
    if found.too_long:
        progress.note(f"left out: {found.too_long:,} examples of more than {most} tokens on a side")
    return found


def _dev(request: FinetuneRequest, codec: Codec, most: int, progress: Progress) -> dict[Way, list[Example]]:
    found: dict[Way, list[Example]] = {}
    if split_path(request.data, "dev").is_file():
        pairs = list(islice(open_split(request.data, "dev"), request.preset.train.eval_pairs))
        found = {way: examples_of(pairs, codec, way, most) for way in request.preset.model.directions}
    found = {way: examples for way, examples in found.items() if examples}
    if not found:
        progress.warn("no held-out pairs: nothing tells how well it translates (prepare --dev N)")
    return found
