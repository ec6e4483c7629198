"""`workshop label` and `workshop distil`: from pairs to a student, and what is refused on the way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bili2text.errors import Bili2TextError, ModelError, RuntimeFailure, SourceError, UsageError
from bili2text.progress import Silent
from bili2text.seq2seq.open import open_codec
from bili2text.seq2seq.values import WAYS
from bili2text.translators.engine import Reply
from bili2text.workshop.distillation import labels as on_disk
from bili2text.workshop.distillation.distil import coordinated, distil
from bili2text.workshop.distillation.label import dev_samples, label, planned, settle
from bili2text.workshop.distillation.labels import LabelSet, Opinion, Sample
from bili2text.workshop.distillation.lessons import ShardExamples, at_most, in_turn, together
from bili2text.workshop.distillation.parts import parts_of, verify_shard
from bili2text.workshop.distillation.teaching import OnDemand, Samples
from bili2text.workshop.held import alone
from bili2text.workshop.run import Run
from bili2text.workshop.values import TrainSettings


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    import os

    os.environ["BILI2TEXT_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import labelled  # noqa: F401 - it knows where tiny_qwen lies
    import tiny_qwen

    return tiny_qwen.build(tmp_path_factory.mktemp("teacher") / "Qwen3-tiny")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from labelled import short_pairs, write_data

    return write_data(tmp_path_factory.mktemp("pairs") / "data", short_pairs(12), short_pairs(3, 100))


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory, data: Path, teacher: Path) -> Path:
    """24 samples in three shards, with sparse distributions."""
    from labelled import asked

    root = tmp_path_factory.mktemp("labels") / "labels"
    label(asked(data, teacher), root, Silent())
    return root


@dataclass
class Interpreter:
    """A teacher that knows the references, and says some of them badly."""

    bad: dict[str, str]

    def replies(self, samples: Sequence[Sample]) -> Sequence[Reply | None]:
        return [Reply(self.bad.get(one.source, one.target), 5, finished=True) for one in samples]

    def opinions(self, samples: Sequence[Sample]) -> Sequence[Opinion | None]:
        raise NotImplementedError

    def close(self) -> None: ...


def in_words(root: Path, data: Path, teacher: Path, bad: dict[str, str]) -> tuple[LabelSet, Sequence[Sample]]:
    """Labels in words, as a good teacher would give them: no model that can be made here says anything."""
    from labelled import asked

    task = planned(asked(data, teacher, mode="text"), root, Silent())
    settle(task)
    task = replace(task, teacher=OnDemand(lambda: Interpreter(bad)))
    for shard in range(task.labels.shards):
        task.shard(shard, Silent())
    return task.labels, list(task.samples)


def test_all_pairs_are_labelled_in_both_directions_with_held_out_ones_beside_them(
    labels: Path, data: Path
) -> None:
    from labelled import short_pairs

    found = on_disk.read_set(labels)
    said = [
        part.sample(n)
        for shard in range(3)
        for part in parts_of(labels, found, shard)
        for n in range(len(part))
    ]
    assert said == [
        Sample(way, pair.source(way), pair.target(way)) for pair in short_pairs(12) for way in WAYS
    ]
    assert [one.source for one in dev_samples(labels)][:2] == [
        short_pairs(3, 100)[0].zh,
        short_pairs(3, 100)[0].en,
    ]
    assert open_codec(labels / "vocabulary").size == found.vocabulary == 640


def test_labelling_again_does_nothing_and_labels_only_what_is_missing_the_same_bytes(
    tmp_path: Path, labels: Path, data: Path, teacher: Path
) -> None:
    from labelled import asked

    root = tmp_path / "labels"
    label(asked(data, teacher), root, Silent())
    on_disk.remove_shard(root, 1)
    label(asked(data, teacher), root, Silent())
    for shard in range(3):
        one, other = (on_disk.part_path(on_disk.shard_folder(at, shard), 0) for at in (labels, root))
        assert one.read_bytes() == other.read_bytes()
    with pytest.raises(UsageError, match="holds other labels: they differ in k"):
        label(asked(data, teacher, k=5), root, Silent())


def test_a_stretch_of_the_samples_is_labelled_alone(
    tmp_path: Path, labels: Path, data: Path, teacher: Path
) -> None:
    from labelled import asked

    found = label(asked(data, teacher, first=8, max_samples=8, mode="topk"), tmp_path, Silent())
    assert found.shards == 1
    one = on_disk.part_path(on_disk.shard_folder(tmp_path, 0), 0)
    assert one.read_bytes() == on_disk.part_path(on_disk.shard_folder(labels, 1), 0).read_bytes()
    with pytest.raises(UsageError, match="--start-from 24: there are 24 samples"):
        label(asked(data, teacher, first=24), tmp_path / "none", Silent())


def test_a_teacher_that_says_nothing_sensible_is_no_teacher(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from labelled import asked

    with pytest.raises(ModelError, match="does not translate well enough to teach: of 8 replies") as caught:
        label(asked(data, teacher, mode="text"), tmp_path, Silent())
    assert "\n" not in caught.value.message


def test_garbage_is_left_out_and_counted_by_what_is_wrong_with_it(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from labelled import short_pairs

    pairs = short_pairs(12)
    bad = {pairs[0].zh: pairs[0].zh, pairs[5].zh: "</s>" * 30, pairs[6].en: ""}
    found, samples = in_words(tmp_path, data, teacher, bad)
    records = [record for shard in range(3) for record in verify_shard(tmp_path, found, shard)]
    assert sum(one.kept for one in records) == 24 - 3
    assert records[0].dropped == {"echo": 1}
    kept = [
        part.sample(n)
        for shard in range(3)
        for part in parts_of(tmp_path, found, shard)
        for n in range(len(part))
    ]
    assert kept == [one for one in samples if one.source not in bad]


def test_a_labelling_that_broke_off_keeps_its_whole_parts_and_asks_only_for_the_rest(
    tmp_path: Path, data: Path, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelled import asked

    monkeypatch.setattr(on_disk, "PART", 3)
    in_words(tmp_path / "whole", data, teacher, {})
    questions: list[Sample] = []

    class Breaks(Interpreter):
        def replies(self, samples: Sequence[Sample]) -> Sequence[Reply | None]:
            if len(questions) >= 3:
                raise RuntimeFailure("the translator failed")
            questions.extend(samples)
            return super().replies(samples)

    task = planned(asked(data, teacher, mode="text"), tmp_path / "broken", Silent())
    settle(task)
    with pytest.raises(RuntimeFailure):
        replace(task, teacher=OnDemand(lambda: Breaks({}))).shard(0, Silent())
    assert on_disk.missing(task.root, task.labels, 0) == (1, 2)
    found, samples = in_words(tmp_path / "broken", data, teacher, {})
    assert set(questions) == set(samples[:3])
    for part in range(len(found.parts(0))):
        one, other = (
            on_disk.part_path(on_disk.shard_folder(tmp_path / at, 0), part) for at in ("whole", "broken")
        )
        assert one.read_bytes() == other.read_bytes()


def test_a_student_learns_words_with_a_vocabulary_of_its_own_and_a_resumed_run_is_the_same(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from labelled import learned

    root = tmp_path / "labels"
    in_words(root, data, teacher, {})
    (run,) = distil(root, learned(tmp_path / "run"), Silent())
    assert open_codec(run.vocabulary).size <= 2000
    assert run.settings.is_file()
    before = weights(run)
    with pytest.raises(UsageError, match="a run is there already"):
        distil(root, learned(tmp_path / "run"), Silent())
    (run.model / "model.safetensors").unlink()
    distil(root, learned(tmp_path / "run", resume=True), Silent())
    assert weights(run) == before


def test_one_shard_alone_is_trained_on_when_its_number_is_given(tmp_path: Path, labels: Path) -> None:
    from labelled import learned

    (run,) = distil(labels, replace(learned(tmp_path / "run"), shard=1), Silent())
    from bili2text.workshop import checkpoints

    last = checkpoints.newest(run.checkpoints)
    assert last is not None
    assert checkpoints.step_of(last) == 4  # eight samples, four a step, two epochs
    with pytest.raises(UsageError, match="--shard-idx 7"):
        distil(labels, replace(learned(tmp_path / "other"), shard=7), Silent())


def test_the_order_of_all_epochs_has_every_sample_as_often_as_there_are_epochs(labels: Path) -> None:
    found = on_disk.read_set(labels)
    codec = open_codec(labels / "vocabulary")
    train = TrainSettings(batch=3, accumulate=2, epochs=3)
    for visits in (together(found, (0, 1, 2), train, 1), in_turn(found, train, 1)):
        examples = ShardExamples(labels, found, visits, codec, train, 64)
        assert len(examples) == examples.steps * 6 == 3 * 3 * 12  # 8 samples fill two steps of six
        seen = [examples[place].source for place in range(len(examples))]
        assert len(set(seen)) == 24
        assert min(seen.count(one) for one in set(seen)) >= 3
        assert examples.steps_until(len(visits) - 1) == examples.steps
    assert [one.samples for one in at_most(together(found, (0, 1, 2), train, 1), found, 5)] == [8, 2] * 3


def test_what_is_too_long_for_a_student_is_made_up_for_by_the_others(labels: Path) -> None:
    found = on_disk.read_set(labels)
    codec = open_codec(labels / "vocabulary")
    train = TrainSettings(batch=4, accumulate=1, epochs=1)
    examples = ShardExamples(labels, found, in_turn(found, train, 1), codec, train, 14)
    usable = examples.usable(0)
    assert usable.kept + usable.too_long == usable.asked == 8
    assert 0 < usable.kept < 8
    assert all(len(examples[place].source) <= 14 for place in range(8))
    with pytest.raises(ModelError, match="shard-00000 has nothing to learn from"):
        ShardExamples(labels, found, in_turn(found, train, 1), codec, train, 2).usable(0)


def test_a_teacher_with_another_vocabulary_is_one_line(
    tmp_path: Path, labels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelled import learned

    from bili2text.workshop import students

    few = replace(students.STUDENTS["tiny"], vocab=500)
    monkeypatch.setitem(students.STUDENTS, "tiny", few)
    with pytest.raises(UsageError, match="has another vocabulary: 640 tokens, tiny has 500") as caught:
        distil(labels, learned(tmp_path / "run"), Silent())
    assert "\n" not in caught.value.message
    assert not (tmp_path / "run" / "model").exists()


def test_labels_whose_vocabulary_was_exchanged_are_refused(tmp_path: Path, data: Path, teacher: Path) -> None:
    from labelled import asked, learned

    root = tmp_path / "labels"
    label(asked(data, teacher, max_samples=8), root, Silent())
    path = root / "vocabulary" / "tokenizer.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = told["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ModelError, match="is not the one that the labels were made with"):
        distil(root, learned(tmp_path / "run"), Silent())


def test_a_corrupt_shard_is_named_before_anything_is_trained(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from labelled import asked, learned

    root = tmp_path / "labels"
    label(asked(data, teacher), root, Silent())
    path = on_disk.part_path(on_disk.shard_folder(root, 2), 0)
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(ModelError, match="shard-00002 is damaged") as caught:
        distil(root, learned(tmp_path / "run"), Silent())
    assert "label again" in caught.value.hint
    assert not (tmp_path / "run").exists()


def test_folders_that_hold_something_else_are_one_line(tmp_path: Path, data: Path, teacher: Path) -> None:
    from labelled import asked, learned

    with pytest.raises(ModelError, match="no labels in"):
        distil(tmp_path, learned(tmp_path / "run"), Silent())
    with pytest.raises(SourceError, match="no prepared pairs in"):
        label(asked(tmp_path, teacher), tmp_path / "labels", Silent())
    with pytest.raises(UsageError, match="--k 1000: the teacher has 640 tokens"):
        label(asked(data, teacher, k=1000), tmp_path / "labels", Silent())


def test_a_folder_of_another_training_is_left_as_it_is(
    tmp_path: Path, labels: Path, data: Path, teacher: Path
) -> None:
    """It would go on from the other's checkpoints, and put its model in the place of theirs."""
    from labelled import asked, learned

    request = learned(tmp_path / "run")
    (request.out / "model").mkdir(parents=True)
    for work in (
        lambda: distil(labels, request, Silent()),
        lambda: distil(labels, replace(request, resume=True), Silent()),
        lambda: coordinated(asked(data, teacher), request, Silent()),
    ):
        with pytest.raises(UsageError, match="holds another training"):
            work()
    assert not (request.out / "distil.json").exists()
    assert not (request.out / "shards.json").exists()


def test_what_a_student_cannot_have_is_said_before_anything_is_written(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from labelled import asked, learned

    with pytest.raises(UsageError, match="no student huge"):
        coordinated(asked(data, teacher), learned(tmp_path / "run", "huge"), Silent())
    assert not (tmp_path / "run").exists()


def test_a_second_process_that_labels_into_a_folder_touches_nothing_of_it(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from labelled import asked

    with (
        alone(tmp_path / "labels", "labelling"),
        pytest.raises(UsageError, match="another process is labelling in"),
    ):
        label(asked(data, teacher), tmp_path / "labels", Silent())
    assert list((tmp_path / "labels").iterdir()) == []


def test_the_last_few_samples_may_all_be_bad(tmp_path: Path, data: Path, teacher: Path) -> None:
    """A shard of 16 samples and one of 8, of which nothing is a translation."""
    from labelled import asked

    task = planned(asked(data, teacher, mode="text", shard_size=16), tmp_path / "labels", Silent())
    settle(task)
    bad = {task.samples[n].source: "" for n in range(16, 24)}
    task = replace(task, teacher=OnDemand(lambda: Interpreter(bad)))
    task.shard(0, Silent())
    assert task.shard(1, Silent()).kept == 0


def test_the_commands_do_all_of_it_and_say_what_contradicts_itself(
    tmp_path: Path, data: Path, teacher: Path
) -> None:
    from cli.workshop_distil import command as distil_command
    from cli.workshop_label import command as label_command

    root, out = str(tmp_path / "labels"), str(tmp_path / "run")
    cpu = ["--device", "cpu", "--progress", "none"]
    asking = [
        "--teacher",
        str(teacher),
        "--mode",
        "topk",
        "--k",
        "4",
        "--max-samples",
        "8",
        "--max_seq_len",
        "60",
    ]
    cli = CliRunner()
    found = cli.invoke(label_command, [str(data), "--out", root, *asking, *cpu], catch_exceptions=False)
    assert found.exit_code == 0
    assert "8 samples in 1 shards" in found.output
    few = ["--student", "tiny", "--epochs", "1", "--batch-size", "4", "--gradient-accumulation-steps", "1",
           "--learning-rate", "1e-3", "--max-samples-per-task", "4", "--patience", "2"]  # fmt: skip
    found = cli.invoke(distil_command, [root, "--out", out, *few, *cpu], catch_exceptions=False)
    assert found.exit_code == 0
    assert (Run(Path(out)).model / "model.safetensors").is_file()
    both = str(tmp_path / "both")
    found = cli.invoke(
        distil_command,
        [str(data), "--coordinate", "--out", both, *few, *asking, *cpu],
        catch_exceptions=False,
    )
    assert found.exit_code == 0
    for arguments, said in (
        ([str(data), "--out", out], "holds pairs, no labels"),
        ([str(data), "--out", out, "--coordinate", "--shard-idx", "1"], "contradict"),
        ([str(data), "--out", out, "--student", "huge", "--coordinate", *asking, *cpu], "no student huge"),
    ):
        with pytest.raises(Bili2TextError, match=said):
            cli.invoke(distil_command, arguments, catch_exceptions=False)


def weights(run: Run) -> str:
    return hashlib.sha256((run.model / "model.safetensors").read_bytes()).hexdigest()


def test_samples_take_directions_in_turn() -> None:
    from labelled import short_pairs

    samples = Samples(short_pairs(2), WAYS)
    assert [one.way for one in samples] == ["zh-en", "en-zh"] * 2
    assert samples[1:3] == (samples[1], samples[2])
