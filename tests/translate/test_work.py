"""A job: every sentence has its own translation, whatever the translator says and however it fails."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hostile import HOSTILE, Hostile
from scripted import PIN, Held, Scripted, Speech, english, like_int8, task, tasks, wanted
from working import TO_EN, Notes, Stopped, recorded, work, work_on

from bili2text.errors import DeviceFailure, OutOfMemory, PrecisionFailure, RuntimeFailure, StorageError
from bili2text.jobs.journal import NAME
from bili2text.jobs.lines import record_of
from bili2text.translate.groups import groups
from bili2text.translate.manner import Manner
from bili2text.translate.records import Retry, Step, entry_of, job_key, record
from bili2text.translate.values import Direction, Said, Task
from bili2text.translate.work import StaleJob, as_line
from bili2text.translators.engine import Decoding, Prompt, Reply

FILLERS = {
    "zh": ("昨天晚上下了一场大雨，路上堵车堵了很久。", "请在电影开始之前关掉你的手机。"),
    "en": ("It rained hard last night and the roads were full.", "Please turn off your phone before the film."),
    "ru": ("Вчера вечером шёл сильный дождь, и дороги стояли.", "Выключите телефон до начала фильма."),
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody pulls the plug here; test_killed.py waits."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def hostile_job(one: Hostile) -> tuple[tuple[Task, ...], Mapping[str, Reply]]:
    """The sentence of a hostile reply among others, and what is replied to each."""
    source, target = one.way
    replies = {
        text: Reply(text2, 9, finished=True)
        for text, text2 in zip(FILLERS[source], FILLERS[target], strict=True)
    }
    replies |= {text: Reply(said, 9, finished=True) for text, said in one.earlier}
    for number, near in enumerate(one.neighbours):
        replies.setdefault(near, Reply(english(number, len(near)), 9, finished=True))
    texts = [FILLERS[source][0], *(text for text in replies if text not in FILLERS[source]), one.source]
    replies[one.source] = one.said
    texts.append(FILLERS[source][1])
    return tuple(
        task(2 * number, text, terms=one.terms if text == one.source else ())
        for number, text in enumerate(texts)
    ), replies


@pytest.mark.parametrize("one", HOSTILE, ids=lambda one: one.name)
def test_a_hostile_reply_harms_its_own_sentence_alone(one: Hostile, tmp_path: Path) -> None:
    of, replies = hostile_job(one)

    def say(prompt: Prompt, _: Decoding, __: tuple[Prompt, ...], ___: int) -> Reply:
        return replies[wanted(prompt, of).sentence.text]

    found = work(tmp_path / "a", of, Held(Scripted(say)), Manner(one.direction, "qwen3"))
    assert [said.number for said in found.said] == [one.sentence.number for one in of]
    for asked, said in zip(of, found.said, strict=True):
        if asked.sentence.text != one.source:
            assert said == Said(said.number, replies[asked.sentence.text].text)
        elif one.fault:
            assert one.fault in said.faults
            assert said.text != one.source
            assert "feedback" in said.tried
            assert "sampling" in said.tried
        else:
            assert said == Said(said.number, one.cleaned)
    assert len(found.failed) == bool(one.fault)


@pytest.mark.parametrize("repair", ["feedback", "script", "sampling"])
def test_each_repair_mends_what_it_can_and_is_named(repair: str, tmp_path: Path) -> None:
    of = tasks(12)

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        mended = {
            "feedback": prompt.messages[-2].role == "assistant",
            "script": bool(decoding.without) and not decoding.temperature,
            "sampling": decoding.temperature > 0 and "han" in decoding.without,
        }[repair]
        if mended or wanted(prompt, of).sentence.number % 3:
            return like_int8(of)(prompt, decoding, batch, place)
        return Reply("这句话没有翻译好，请再看看。", 9, finished=True)

    found = work(tmp_path / "a", of, Held(Scripted(say)))
    assert not found.failed
    assert {said.number for said in found.said if said.repair == repair} == {0, 3, 6, 9}
    assert {said.repair for said in found.said} == {"", repair}


def copying(of: tuple[Task, ...]) -> Speech:
    """Says of each third sentence what it says of the one before it, until it is told that this is wrong."""

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        number = wanted(prompt, of).sentence.number
        if prompt.messages[-2].role == "assistant":
            return like_int8(of)(prompt, decoding, batch, place)
        return Reply(english(number - (number % 3 == 2), 20), 9, finished=True)

    return say


def of_one_length(count: int) -> tuple[Task, ...]:
    return tuple(task(one.sentence.number, (one.sentence.text * 3)[:20]) for one in tasks(count))


def test_the_translation_of_the_sentence_before_is_withdrawn_and_repaired(tmp_path: Path) -> None:
    of, heard = of_one_length(12), list[Said]()
    holder = Held(Scripted(copying(of), shuffle=3))
    found = work(tmp_path / "a", of, holder, told=lambda _, said: heard.append(said))
    assert not found.failed
    assert [said.repair for said in found.said] == ["", "", "feedback"] * 4
    assert [said.text for said in found.said[::3]] == [english(number, 20) for number in range(0, 12, 3)]
    assert {said.number: said for said in heard} == {said.number: said for said in found.said}
    assert work(tmp_path / "a", of, holder).said == found.said


def test_a_job_that_is_stopped_while_it_withdraws_comes_to_the_same_result(tmp_path: Path) -> None:
    of = of_one_length(12)
    whole = work(tmp_path / "whole", of, Held(Scripted(copying(of))), retry_failed=True)
    assert sum(one["kind"] == "retry" for one in recorded(tmp_path / "whole")) == 1
    for at in range(20, 2 * len(recorded(tmp_path / "whole"))):
        with pytest.raises(Stopped):
            work(tmp_path / str(at), of, Held(Scripted(copying(of), shuffle=at)), stop_at=at / 2)
        assert work(tmp_path / str(at), of, Held(Scripted(copying(of)))).said == whole.said, at


def misled(of: tuple[Task, ...]) -> Speech:
    """Says of each third sentence what it says of the two before it, as long as it is told them."""

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        number = wanted(prompt, of).sentence.number
        told = any(text in prompt.messages[-1].text for text in of[number].before)
        numbers = (number - 2, number - 1) if number % 3 == 2 and told else (number,)
        return Reply(" ".join(english(one, 20) for one in numbers), 9, finished=True)

    return say


def test_a_sentence_in_whose_place_its_context_was_translated_is_asked_without_it(tmp_path: Path) -> None:
    of = of_one_length(9)
    of = tuple(
        replace(one, before=tuple(other.sentence.text for other in of[max(0, place - 2) : place]))
        for place, one in enumerate(of)
    )
    found = work(tmp_path / "a", of, Held(Scripted(misled(of))))
    assert [said.text for said in found.said] == [english(number, 20) for number in range(9)]
    assert [one["value"]["numbers"] for one in recorded(tmp_path / "a") if one["kind"] == "retry"] == [
        [2, 5, 8]
    ]


def test_a_kill_while_copies_are_asked_again_loses_no_retry_of_what_failed(tmp_path: Path) -> None:
    of = of_one_length(12)
    copied = copying(of)

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        hopeless = wanted(prompt, of).sentence.number == 4
        return Reply("", 0, finished=True) if hopeless else copied(prompt, decoding, batch, place)

    whole = work(tmp_path / "whole", of, Held(Scripted(say)), retry_failed=True)
    records = recorded(tmp_path / "whole")
    retries = [at for at, one in enumerate(records) if one["kind"] == "retry"]
    assert [records[at]["value"]["why"] for at in retries] == ["copied", "failed"]
    for at in range(2 * retries[0], 2 * len(records) - 1):
        with pytest.raises(Stopped):
            work(tmp_path / str(at), of, Held(Scripted(say)), stop_at=at / 2, retry_failed=True)
        assert work(tmp_path / str(at), of, Held(Scripted(say)), retry_failed=True).said == whole.said, at
        assert recorded(tmp_path / str(at)) == records, at


def test_the_same_sentence_with_the_same_context_is_asked_once(tmp_path: Path) -> None:
    texts = ["我们一起唱这首歌。", "明天会更好的。", "我们一起唱这首歌。"]
    of = [task(number, text) for number, text in enumerate(texts)]
    holder, heard = Held(Scripted(like_int8(of))), list[tuple[int, int]]()
    found = work(
        tmp_path / "a", of, holder, told=lambda one, said: heard.append((one.sentence.number, said.number))
    )
    assert found.said[2] == replace(found.said[0], number=2)
    assert sum(len(prompts) for prompts, _ in holder.translator.calls) == 2
    assert sorted(heard) == [(0, 0), (1, 1), (2, 2)]
    assert (found.asked, found.resumed) == (3, 0)


def test_a_draft_is_shown_once_more_and_kept_unless_it_comes_back_good_and_still_itself(
    tmp_path: Path,
) -> None:
    of = tasks(6)

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        number = wanted(prompt, of).sentence.number
        draft = english(number, len(wanted(prompt, of).sentence.text))
        if prompt.messages[-2].role != "assistant":
            return Reply(draft, 9, finished=True)
        # nothing, the same made better, talk about it
        return Reply(
            ("", f"Well, {draft}", "This reads well and has no fault at all.")[number % 3], 9, finished=True
        )

    found = work(tmp_path / "a", of, Held(Scripted(say)), replace(TO_EN, reflect=True))
    drafts = [english(one.sentence.number, len(one.sentence.text)) for one in of]
    assert not found.failed
    assert [said.text == draft for said, draft in zip(found.said, drafts, strict=True)] == [
        True, False, True,
    ] * 2  # fmt: skip


def on_disk(path: Path) -> list[object]:
    """What the journal of a job under way holds."""
    lines = path.read_bytes().splitlines(keepends=True)
    return [entry_of(record_of(one, number) or {}) for number, one in enumerate(lines) if number]


def test_a_translation_is_on_the_disk_before_anybody_is_told(tmp_path: Path) -> None:
    of, heard = tasks(9), list[Said]()
    path = tmp_path / "a" / NAME

    def told(one: Task, said: Said) -> None:
        assert on_disk(path)[-1] == said
        assert said.text in as_line(one, said)
        heard.append(said)

    found = work(tmp_path / "a", of, Held(Scripted(like_int8(of))), told=told)
    assert sorted(heard, key=lambda said: said.number) == list(found.said)


@pytest.mark.parametrize("silent", [True, False])
def test_the_order_in_which_replies_are_told_changes_nothing(silent: bool, tmp_path: Path) -> None:
    of = tasks(30)
    found = [
        work(tmp_path / str(seed), of, Held(Scripted(like_int8(of, bad=4), shuffle=seed, silent=silent))).said
        for seed in (None, 1, 2)
    ]
    assert found[0] == found[1] == found[2]


def test_a_lack_of_memory_halves_the_batch_and_loses_nothing(tmp_path: Path) -> None:
    of = of_one_length(21)

    def say(prompt: Prompt, _: Decoding, __: tuple[Prompt, ...], ___: int) -> Reply:
        return Reply(english(wanted(prompt, of).sentence.number, 20), 9, finished=True)

    no_room = {2: OutOfMemory("no room"), 3: OutOfMemory("no room"), 4: OutOfMemory("no room")}
    holder = Held(Scripted(say, no_room), plans=[replace(PIN, device="cpu", batch_size=2)])
    found = work(tmp_path / "a", of, holder)
    assert [said.text for said in found.said] == [english(number, 20) for number in range(21)]
    assert [step.pin.batch_size for step in found.steps] == [2, 1, 2]
    assert max(len(prompts) for prompts, _ in holder.translator.calls[5:]) == 2
    again = Held(Scripted(like_int8(of)))
    assert work(tmp_path / "a", of, again).said == found.said
    assert not again.translator.calls


@pytest.mark.parametrize("error", [DeviceFailure("lost"), PrecisionFailure("!!!!"), OutOfMemory("no room")])
def test_a_card_that_fails_gives_way_to_the_next_plan_or_the_error_is_raised(
    error: RuntimeFailure, tmp_path: Path
) -> None:
    of, small = tasks(10), replace(PIN, batch_size=1)
    cpu = replace(small, precision="float32")
    found = work(tmp_path / "a", of, Held(Scripted(like_int8(of), {3: error}), small, [cpu]))
    assert found.steps == (Step(3, error.message, cpu),)
    assert not found.failed
    with pytest.raises(type(error)):
        work(tmp_path / "b", of, Held(Scripted(like_int8(of), {3: error}), small))
    kept = len(recorded(tmp_path / "b"))
    rest = work(tmp_path / "b", of, Held(Scripted(like_int8(of)), small))
    assert kept > 3
    assert rest.resumed == 3
    assert rest.said == work(tmp_path / "c", of, Held(Scripted(like_int8(of)), small)).said


def test_an_engine_that_dies_is_replaced_and_the_result_is_the_same(tmp_path: Path) -> None:
    of = tasks(17)
    deaths = {1: RuntimeFailure("it died"), 3: RuntimeFailure("it died")}
    holder = Held(Scripted(like_int8(of, bad=5), deaths), revivals=2)
    found = work(tmp_path / "a", of, holder)
    assert holder.deaths
    assert found.said == work(tmp_path / "b", of, Held(Scripted(like_int8(of, bad=5)))).said
    with pytest.raises(RuntimeFailure, match="it died"):
        work(tmp_path / "c", of, Held(Scripted(like_int8(of), {0: deaths[1]})))


def test_a_translator_that_gives_too_few_replies_is_an_error_and_shifts_nothing(tmp_path: Path) -> None:
    of = tasks(6)

    class Short(Scripted):
        def generate(self, *asked: object) -> tuple[Reply, ...]:
            return super().generate(*asked)[1:]  # type: ignore[arg-type]

    with pytest.raises(RuntimeFailure, match="3 replies to 4 prompts"):
        work(tmp_path / "a", of, Held(Short(like_int8(of), silent=True)))
    assert [one["kind"] for one in recorded(tmp_path / "a")] == ["begin"]


def test_a_full_disk_ends_the_job_after_its_batch_and_what_was_told_stays(tmp_path: Path) -> None:
    of, heard = tasks(8), list[Said]()
    holder = Held(Scripted(like_int8(of)), plans=[PIN], revivals=9)

    def told(_: Task, said: Said) -> None:
        heard.append(said)
        if len(heard) == 2:
            raise StorageError("the disk is full")

    with pytest.raises(StorageError):
        work(tmp_path / "a", of, holder, told=told)
    assert (len(holder.translator.calls), holder.deaths, len(heard)) == (1, [], 2)
    found = work(tmp_path / "a", of, Held(Scripted(like_int8(of))))
    assert {said.number: said for said in heard}.items() <= {said.number: said for said in found.said}.items()
    assert (found.resumed, found.asked) == (2, 6)


def test_stopped_at_any_record_it_goes_on_to_the_same_result(tmp_path: Path) -> None:
    of = tasks(14)
    speech = like_int8(of, bad=2, never=5)
    whole = work(tmp_path / "whole", of, Held(Scripted(speech)))
    assert whole.failed
    assert {said.repair for said in whole.said} == {"", "feedback", "script", "sampling"}
    for at in range(2 * len(recorded(tmp_path / "whole"))):
        folder = tmp_path / str(at)
        with pytest.raises(Stopped):
            # an order of its own, too: which lines are there at the stop is chance
            work(folder, of, Held(Scripted(speech, shuffle=at)), stop_at=at / 2)
        found = work(folder, of, Held(Scripted(speech)))
        assert found.said == whole.said, at
        assert found.asked + found.resumed == len(of)


def test_stopped_at_every_second_record_again_and_again_it_comes_to_the_same_result(tmp_path: Path) -> None:
    of = tasks(14)
    whole = work(tmp_path / "whole", of, Held(Scripted(like_int8(of, bad=3))))
    for runs in itertools.count():
        try:
            # of a group, each run adds a line or two: all else is asked and thrown away again
            found = work(tmp_path / "a", of, Held(Scripted(like_int8(of, bad=3), shuffle=runs)), stop_at=2)
        except Stopped:
            continue
        break
    assert runs > 5
    assert found.said == whole.said


def test_a_batch_that_was_made_smaller_stays_so_when_the_job_goes_on(tmp_path: Path) -> None:
    of, speech = tasks(25), like_int8(tasks(25), bad=4)
    no_room = {2: OutOfMemory("no room")}
    whole = work(tmp_path / "whole", of, Held(Scripted(speech, no_room)))
    total = len(recorded(tmp_path / "whole"))
    stepped = next(at for at, one in enumerate(recorded(tmp_path / "whole")) if one["kind"] == "step")
    for at in range(stepped + 1, total, 3):
        with pytest.raises(Stopped):
            work(tmp_path / str(at), of, Held(Scripted(speech, no_room)), stop_at=at)
        holder = Held(Scripted(speech))
        assert work(tmp_path / str(at), of, holder).said == whole.said
        assert holder.pin.batch_size == 2


def test_another_plan_than_the_interrupted_run_had_is_a_step(tmp_path: Path) -> None:
    of = tasks(14)
    with pytest.raises(Stopped):
        work(tmp_path / "a", of, Held(Scripted(like_int8(of))), stop_at=8)

    class Other(Held):
        def begin(self, pin: object) -> tuple[str, ...]:
            self.begun.append(pin)  # type: ignore[arg-type]
            return ()

    found = work(tmp_path / "a", of, Other(Scripted(like_int8(of)), replace(PIN, precision="float32")))
    assert [step.pin.precision for step in found.steps] == ["float32"]
    assert not found.failed
    with pytest.raises(Stopped):
        work(tmp_path / "b", of, Held(Scripted(like_int8(of))), stop_at=8)
    with pytest.raises(StaleJob, match="the model is not the one"):
        work(tmp_path / "b", of, Other(Scripted(like_int8(of)), replace(PIN, digest="1" * 8)))
    unknown = work(tmp_path / "b", of, Other(Scripted(like_int8(of)), replace(PIN, digest="")))
    assert not unknown.steps


def test_what_failed_is_not_asked_again_unless_that_is_wished(tmp_path: Path) -> None:
    of = tasks(14)
    bad = {2, 5, 11}

    def say(prompt: Prompt, decoding: Decoding, batch: tuple[Prompt, ...], place: int) -> Reply:
        number = wanted(prompt, of).sentence.number
        return Reply("", 0, finished=True) if number in bad else like_int8(of)(prompt, decoding, batch, place)

    first = work(tmp_path / "a", of, Held(Scripted(say)))
    assert [said.number for said in first.failed] == sorted(bad)
    quiet = Held(Scripted(say))
    assert work(tmp_path / "a", of, quiet).said == first.said
    assert not quiet.translator.calls
    bad.remove(5)
    second = work(tmp_path / "a", of, Held(Scripted(say)), retry_failed=True)
    assert [said.number for said in second.failed] == [2, 11]
    assert second.asked == 1
    kept = [(one, two) for one, two in zip(first.said, second.said, strict=True) if one.number != 5]
    assert all(one == two for one, two in kept)
    assert record(Retry((2, 5, 11), "failed")) in recorded(tmp_path / "a")


def test_what_fails_worse_when_it_is_asked_again_keeps_its_text(tmp_path: Path) -> None:
    of = tasks(2)
    poor = Reply("The river mountain <b>window</b> kitchen garden teacher student.", 9, finished=True)
    first = work(tmp_path / "a", of, Held(Scripted(lambda *_: poor)))
    assert [said.faults for said in first.said] == [("markup",), ("markup",)]
    worse = Held(Scripted(lambda *_: Reply("", 0, finished=True)))
    assert work(tmp_path / "a", of, worse, retry_failed=True).said == first.said
    assert worse.translator.calls


def test_a_retry_samples_with_other_seeds(tmp_path: Path) -> None:
    of = tasks(3)
    holder = Held(Scripted(lambda *_: Reply("", 0, finished=True)))
    work(tmp_path / "a", of, holder, retry_failed=True)
    seeds = [decoding.seed for _, decoding in holder.translator.calls if decoding.temperature]
    assert len(seeds) == len(set(seeds)) == 6


def test_a_retry_that_is_stopped_goes_on_to_the_same_result(tmp_path: Path) -> None:
    of = tasks(14)
    speech = like_int8(of, bad=2, never=5)
    whole = work(tmp_path / "whole", of, Held(Scripted(speech)), retry_failed=True)
    records = recorded(tmp_path / "whole")
    begun = next(at for at, one in enumerate(records) if one["kind"] == "retry")
    for at in range(2 * begun - 6, 2 * len(records)):
        with pytest.raises(Stopped):
            work(
                tmp_path / str(at), of, Held(Scripted(speech, shuffle=at)), stop_at=at / 2, retry_failed=True
            )
        if at == 2 * len(records) - 1:
            continue  # it was over: to wish for a retry now is another one
        assert work(tmp_path / str(at), of, Held(Scripted(speech)), retry_failed=True).said == whole.said, at
        assert sum(one["kind"] == "retry" for one in recorded(tmp_path / str(at))) == 1


@pytest.mark.parametrize("size", [1, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 7, 200])
def test_groups_hold_every_sentence_once_and_are_even(count: int, size: int) -> None:
    of = tasks(count)
    found = groups(of, size)
    assert sorted(one.sentence.number for group in found for one in group) == list(range(count))
    assert all(len(group) <= size for group in found)
    assert len(found) == -(-count // size)
    for stretch in range(0, len(found), 8):
        lengths = [len(one.sentence.text) for group in found[stretch : stretch + 8] for one in group]
        assert lengths == sorted(lengths, reverse=True)
        numbers = {one.sentence.number for group in found[stretch : stretch + 8] for one in group}
        assert numbers <= set(range(stretch * size, (stretch + 8) * size))


def test_a_journal_that_no_run_of_ours_writes_is_stale(tmp_path: Path) -> None:
    of = tasks(9)
    work(tmp_path / "whole", of, Held(Scripted(like_int8(of))))
    records = recorded(tmp_path / "whole")
    lines = [one for one in records if one["kind"] == "line"]
    end = next(one for one in records if one["kind"] == "finished")
    wrong = {
        "nothing first": records[1:],
        "begun twice": [records[0], *records],
        "another count": [record(replace(entry_of(records[0]), count=8))],
        "no batch": [record(replace(entry_of(records[0]), pin=replace(PIN, batch_size=0)))],
        "a sentence too many": [records[0], record(Said(99, "It is not there."))],
        "an end twice": [*records, end],
        "an end without its lines": [one for one in records if one is not lines[0]],
        "no such record": [records[0], {"kind": "song", "value": {}}],
        "a word for a number": [records[0], {"kind": "finished", "value": {"group": "0"}}],
        "ends too many": [*records, record(replace(entry_of(end), group=3))],
    }
    for name, bad in wrong.items():
        with pytest.raises(StaleJob):
            work_on(bad, tmp_path / name, of, Held(Scripted(like_int8(of))))


def test_all_that_decides_the_words_is_in_the_key() -> None:
    of = tasks(3)
    wishes = {"model": "auto"}
    keys = {
        job_key(of, TO_EN, wishes),
        job_key(of[:2], TO_EN, wishes),
        job_key([*of[:2], replace(of[2], before=())], TO_EN, wishes),
        job_key([*of[:2], task(2, "别的句子。", before=of[2].before)], TO_EN, wishes),
        job_key(of, replace(TO_EN, reflect=True), wishes),
        job_key(of, replace(TO_EN, decoding=Decoding(beam_size=4)), wishes),
        job_key(of, replace(TO_EN, direction=Direction("zh", "ru")), wishes),
        job_key(of, TO_EN, {"model": "other"}),
    }
    assert len(keys) == 8
    assert all(len(key) == 32 for key in keys)


def test_nothing_to_translate_loads_nothing(tmp_path: Path) -> None:
    holder = Held(Scripted(like_int8([])))
    assert work(tmp_path / "a", (), holder).said == ()
    assert not holder.begun


def test_what_another_model_has_said_counts_no_more_even_where_nothing_is_left_to_ask(tmp_path: Path) -> None:
    of = tasks(5)
    whole = work(tmp_path / "a", of, Held(Scripted(like_int8(of))))
    for digest in ("", PIN.digest):
        assert work(tmp_path / "a", of, Held(Scripted(like_int8(of))), digest=digest).said == whole.said
    with pytest.raises(StaleJob, match="the model is not the one"):
        work(tmp_path / "a", of, Held(Scripted(like_int8(of))), digest="1" * 8)


def test_what_is_asked_once_more_is_called_so(tmp_path: Path) -> None:
    of = of_one_length(12)
    notes = Notes()
    work(tmp_path / "a", of, Held(Scripted(copying(of))), progress=notes)
    assert notes.said == ["asking once more for what has another sentence's translation: 4"]
    poor, notes = tasks(14), Notes()
    speech = like_int8(poor, never=5)
    work(tmp_path / "b", poor, Held(Scripted(speech)), progress=notes)
    assert notes.said == []
    work(tmp_path / "b", poor, Held(Scripted(speech)), progress=notes, retry_failed=True)
    before, asking = notes.said
    assert before.startswith("all of it was translated before, by scripted in int8")
    assert asking == "asking once more for what needs review: 1"
