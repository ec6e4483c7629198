"""A model of the workshop as a translator: planned, loaded in its own process, asked, checked, mended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import small_run
from shelves import card, machine
from small_run import PAIRS

from bili2text.errors import ModelError, UsageError
from bili2text.models.stamps import Stamps
from bili2text.progress import Silent
from bili2text.serving.values import About, Resident
from bili2text.terms import Term
from bili2text.translate.manner import Manner
from bili2text.translate.prompts import prompt
from bili2text.translate.records import Pin
from bili2text.translate.repair import ROUNDS, Attempt, again, rounds
from bili2text.translate.values import Direction, Piece, Sentence, Task
from bili2text.translation_direction import refuse_beyond
from bili2text.translation_request import TranslationRequest
from bili2text.translator_endpoint import endpoint
from bili2text.translator_planning import TranslatorPlanner
from bili2text.translators import folders
from bili2text.translators.engine import Decoding, Load, Message, Prompt, Reply
from bili2text.translators.fingerprint import fingerprint
from bili2text.translators.remote import RemoteTranslator
from bili2text.translators.values import TranslatorWishes
from bili2text.translators.workshop_engine import WorkshopTranslator

ZH_EN, EN_ZH = Direction("zh", "en"), Direction("en", "zh")


def task(text: str, number: int = 0, **told: object) -> Task:
    return Task(Sentence(number, text, (Piece(0, text, 1.0),)), **told)  # type: ignore[arg-type]


def asked(text: str, direction: Direction = ZH_EN) -> Prompt:
    return prompt(task(text), direction, "workshop")


@pytest.fixture(scope="module")
def model() -> Iterator[WorkshopTranslator]:
    loaded = WorkshopTranslator(Load(small_run.converted(), "ctranslate2", "cpu", threads=1, batch_size=4))
    yield loaded
    loaded.close()


def test_it_translates_prompts_of_both_directions_in_their_order(model: WorkshopTranslator) -> None:
    told: dict[int, Reply] = {}
    prompts = [one for pair in PAIRS for one in (asked(pair.zh), asked(pair.en, EN_ZH))]
    replies = model.generate(tuple(prompts), told=lambda place, reply: told.update({place: reply}))
    assert [one.text for one in replies] == [text for pair in PAIRS for text in (pair.en, pair.zh)]
    assert [told[place] for place in range(len(prompts))] == list(replies)
    assert all(one.finished and one.tokens > 1 for one in replies)


def test_traditional_chinese_is_read_as_the_simplified_it_was_trained_on(model: WorkshopTranslator) -> None:
    (found,) = model.generate((asked("我們明天去北京。"),))
    assert found.text == PAIRS[0].en


def test_a_prompt_that_says_no_direction_is_translated_by_its_script(model: WorkshopTranslator) -> None:
    stranger = Message("system", "You are a translator.")
    texts = (PAIRS[1].zh, PAIRS[1].en)
    prompts = tuple(Prompt((stranger, Message("user", text))) for text in texts)
    assert [one.text for one in model.generate(prompts)] == [PAIRS[1].en, PAIRS[1].zh]
    assert model.generate((Prompt((stranger,)),))[0].text == ""


def test_it_is_kept_from_writing_in_a_script(model: WorkshopTranslator) -> None:
    # asked the wrong way round it copies Chinese; without Han it has to say something else
    (plain,) = model.generate((asked(PAIRS[0].en, EN_ZH),))
    (kept,) = model.generate((asked(PAIRS[0].en, EN_ZH),), Decoding(without=("han",)))
    assert any("\u4e00" <= one <= "\u9fff" for one in plain.text)
    assert not any("\u4e00" <= one <= "\u9fff" for one in kept.text)


def test_another_beam_and_sampling_are_what_a_repair_asks_for(model: WorkshopTranslator) -> None:
    one = asked("今天很好。")
    sampled = Decoding(temperature=2.0, top_k=50, seed=3)
    first = model.generate((one,), sampled)
    assert model.generate((one,), replace(sampled, seed=4)) != first
    assert model.generate((one,), sampled) == first
    (searched,) = model.generate((asked(PAIRS[0].zh),), Decoding(beam_size=4))
    assert searched.text == PAIRS[0].en


def test_a_model_of_one_direction_refuses_the_other(tmp_path: Path) -> None:
    from bili2text.seq2seq.folder import write_product

    folder = Path(shutil.copytree(small_run.converted(), tmp_path / "one"))
    write_product(folder, name="one", ways=("zh-en",), positions=64, parameters=1)
    alone = WorkshopTranslator(Load(folder, "ctranslate2", "cpu", threads=1))
    assert alone.generate((Prompt((Message("user", PAIRS[0].zh),)),))[0].text == PAIRS[0].en
    with pytest.raises(UsageError, match="one translates zh-en alone"):
        alone.generate((asked("Hello.", EN_ZH),))


def test_in_a_process_of_its_own_it_says_the_same_and_its_errors_come_back() -> None:
    load = Load(small_run.converted("int8"), "ctranslate2", "cpu", threads=1, precision="int8_float32")
    with RemoteTranslator(load, os.environ) as translator:
        assert translator.precision == "int8_float32"
        (found,) = translator.generate((asked(PAIRS[2].zh),))
        assert found.text == PAIRS[2].en


def test_the_prompt_is_the_direction_and_the_sentence_and_nothing_else() -> None:
    full = task("外面下着大雨。", before=("你好。",), terms=(Term("雨", "rain"),))
    for direction in (Direction("zh", "en"), Direction("zh-Hant", "en")):
        found = prompt(full, direction, "workshop")
        assert found.messages == (Message("system", "zh-en"), Message("user", "外面下着大雨。"))
    assert prompt(task("Hi."), Direction("en", "zh-Hant"), "workshop").messages[0].text == "en-zh"


def test_it_is_told_nothing_of_a_bad_reply_but_searched_with_another_beam() -> None:
    assert rounds("qwen") == ROUNDS
    assert rounds("workshop") == ("beam", "script", "sampling", "sampling", "sampling")
    bad = (Attempt("…", ("empty",), "…"),)
    one, question = task("外面下着大雨。"), asked("外面下着大雨。")
    for beams, other in ((1, 4), (2, 4), (4, 1)):
        manner = Manner(ZH_EN, "workshop", Decoding(beam_size=beams))
        ask = again("beam", one, question, bad, manner)
        assert ask is not None
        assert (ask.prompt, ask.decoding) == (question, Decoding(beam_size=other))


def test_its_folder_is_found_as_what_it_is(tmp_path: Path) -> None:
    found = folders.look(small_run.run())
    assert (found.name, found.engine, found.profile) == ("small", "ctranslate2", "workshop")
    assert (found.path.name, found.dtype, found.ways) == ("ct2-int8", "int8", small_run.WAYS)
    assert (found.shape.layers, found.shape.hidden, found.shape.heads) == (1, 64, 2)
    assert folders.look(found.path) == found


def test_the_choice_takes_none_by_itself(tmp_path: Path) -> None:
    shelf = tmp_path / "models"
    shutil.copytree(small_run.run(), shelf / "run")
    shutil.copytree(small_run.converted("int8"), shelf / "small-ct2")
    assert folders.shelf(shelf, {}) == folders.Shelf(())
    assert folders.scan(shelf / "small-ct2") == ()


@pytest.mark.parametrize(("device", "precision"), [("cpu", "int8_float32"), ("RTX 4090", "int8_bfloat16")])
def test_its_need_is_its_weights_and_a_small_working_set(device: str, precision: str) -> None:
    path = folders.look(small_run.run()).path
    request = TranslationRequest("en", wishes=TranslatorWishes(model_path=path))
    here = machine() if device == "cpu" else machine(card(device))
    plan = TranslatorPlanner(request, Silent(), os.environ, lambda *_: here).plan()
    assert (plan.device, plan.precision) == ("cpu" if device == "cpu" else "cuda", precision)
    assert plan.need_mib < 700  # CUDA's own kernels and the program are nearly all of it
    assert plan.batch_size == {"cpu": 32}.get(device, 64)


def test_a_glossary_is_said_once_to_be_of_no_use() -> None:
    heard: list[str] = []

    class Ear(Silent):
        def warn(self, message: str) -> None:
            heard.append(message)

    path = folders.look(small_run.run()).path
    wishes = TranslatorWishes(model_path=path)
    request = TranslationRequest("en", wishes=wishes, terms=(Term("雨", "rain"),), reflect=True)
    planner = TranslatorPlanner(request, Ear(), os.environ, lambda *_: machine())
    planner.plan()
    planner.plan()
    assert heard == ["small is told each sentence alone: --glossary and --reflect cannot be used"]


@pytest.mark.parametrize(
    ("target", "source", "fine"),
    [
        ("en", None, True), ("en", "zh", True), ("en", "zh-Hant", True), ("en", "ja", False),
        ("zh", None, True), ("zh-Hant", "en", True), ("zh", "ja", False), ("ja", None, False),
        ("ja", "zh", False),
    ],
)  # fmt: skip
def test_a_language_it_does_not_know_is_refused_in_one_line(
    target: str, source: str | None, fine: bool
) -> None:
    refuse_beyond((), target, source, "any chat model")
    if fine:
        refuse_beyond(small_run.WAYS, target, source, "small")
        return
    with pytest.raises(UsageError, match="small translates zh-en and en-zh alone, not"):
        refuse_beyond(small_run.WAYS, target, source, "small")


def test_of_one_direction_the_other_is_refused_before_its_source_is_known() -> None:
    with pytest.raises(UsageError, match="zh-en alone, not into zh"):
        refuse_beyond(("zh-en",), "zh", None, "small")


def test_a_server_that_keeps_one_is_used_for_its_directions_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pin = Pin("small", "d", "ctranslate2", "int8_float32", 8, "cpu", "CPU")
    running = Resident(1, "http://127.0.0.1:1/v1", "", "small", 8, 0.0, About(pin, "workshop", ("zh-en",)))
    monkeypatch.setattr("bili2text.translator_endpoint.find", lambda _: running)
    here = {"BILI2TEXT_CACHE_DIR": str(tmp_path)}
    holder = endpoint(TranslationRequest("en"), here, Silent())
    assert holder is not None
    assert (holder.profile, holder.ways) == ("workshop", ("zh-en",))
    for request in (
        TranslationRequest("zh"),
        TranslationRequest("ja"),
        TranslationRequest("en", source="ja"),
    ):
        assert endpoint(request, here, Silent()) is None


def test_another_vocabulary_is_another_model(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_run.converted("int8"), tmp_path / "model"))

    def digest() -> str:
        return fingerprint(folder, Stamps(tmp_path / "stamps"), Silent())

    before = digest()
    assert digest() == before
    told = folder / "vocabulary" / "tokenizer.json"
    told.write_bytes(told.read_bytes() + b" ")
    assert digest() != before


def test_a_run_that_is_damaged_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    run = Path(shutil.copytree(small_run.run(), tmp_path / "run"))
    (run / "ct2-int8" / "model.bin").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not a whole model"):
        folders.look(run)
