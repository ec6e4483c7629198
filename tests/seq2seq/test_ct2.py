"""A real small encoder-decoder on CTranslate2: what it says, and what it must survive."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_run
from small_run import PAIRS, WAYS

from bili2text.errors import ModelError, PrecisionFailure, RuntimeFailure, UsageError
from bili2text.seq2seq.ct2 import Seq2Seq
from bili2text.seq2seq.folder import RECORD
from bili2text.seq2seq.search import Sampling
from bili2text.seq2seq.values import Way


@pytest.fixture(scope="module")
def model() -> Iterator[Seq2Seq]:
    loaded = Seq2Seq(small_run.converted(), threads=1)
    yield loaded
    loaded.close()


def with_positions(folder: Path, positions: int) -> Path:
    """A copy that says it has only so many positions, in both parts."""
    shutil.copytree(small_run.converted(), folder)
    told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps({**told, "positions": positions}))
    return folder


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("way", WAYS)
def test_it_says_what_it_learned_in_both_directions_whatever_the_batch(precision: str, way: Way) -> None:
    model = Seq2Seq(small_run.converted(precision), threads=1)
    texts = [pair.source(way) for pair in PAIRS]
    for batch in (1, 3, 32):
        found = model.translate(texts, way, batch=batch)
        assert [one.text for one in found] == [pair.target(way) for pair in PAIRS]
        assert all(one.finished and one.tokens == len(one.ids) + 1 and one.score < 0 for one in found)
    assert [one.source_tokens for one in found] == [len(model.codec.source(text, way)) for text in texts]
    assert model.precision == {"float32": "float32", "int8": "int8_float32"}[precision]


def test_its_tokens_are_those_of_transformers_greedy_search(model: Seq2Seq) -> None:
    from bili2text.workshop.train.convert import Trained

    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    trained = Trained(small_run.run() / "model", model.codec)
    texts = [
        "我们每天去北京吗？",
        "大雨",
        "这本书",
        "你喜欢咖啡。",
        "谢谢",
    ]  # not learned: it is unsure of them
    for limit in (5, small_run.POSITIONS):
        found = model.translate(texts, "zh-en", max_tokens=limit - 1)
        assert [one.ids for one in found] == trained.greedy(texts, "zh-en", limit)


def test_a_translation_that_never_ends_stops_at_the_last_position(model: Seq2Seq) -> None:
    for beams in (1, 4):
        (found,) = model.translate(
            ["你喜欢听音乐吗？"], "zh-en", beams=beams, max_tokens=10_000, suppress=[model.codec.end]
        )
        # the language takes one position
        assert (found.finished, found.tokens) == (False, small_run.POSITIONS - 1)
    (short,) = model.translate(["你喜欢听音乐吗？"], "zh-en", max_tokens=3)
    assert (short.finished, short.tokens, len(short.ids)) == (False, 3, 3)


def test_blank_texts_are_not_asked_and_none_is_nothing(model: Seq2Seq) -> None:
    assert model.translate([], "zh-en") == ()
    blank, learned, other = model.translate(["", PAIRS[0].zh, " \n"], "zh-en")
    assert blank == other
    assert (blank.text, blank.tokens, blank.finished, learned.text) == ("", 0, True, PAIRS[0].en)


def test_a_text_longer_than_the_positions_is_cut_and_no_sentence_is_lost(tmp_path: Path) -> None:
    small = Seq2Seq(with_positions(tmp_path / "small", 30), threads=1)
    for way, between in (("zh-en", ""), ("en-zh", " ")):
        pairs = PAIRS[:4]
        whole = between.join(pair.source(way) for pair in pairs)  # type: ignore[arg-type]
        assert len(small.codec.source(whole, way)) > 30  # type: ignore[arg-type]
        (found,) = small.translate([whole], way)  # type: ignore[arg-type]
        wanted = ("" if way == "en-zh" else " ").join(pair.target(way) for pair in pairs)  # type: ignore[arg-type]
        assert (found.text, found.finished) == (wanted, True)


def test_a_translation_without_room_is_made_of_its_source_in_halves(tmp_path: Path) -> None:
    small = Seq2Seq(with_positions(tmp_path / "small", 12), threads=1)
    long = PAIRS[-1]
    (cut_off,) = small.translate([long.zh], "zh-en")
    assert (cut_off.finished, cut_off.tokens) == (False, 11)
    (whole,) = small.translate([long.zh], "zh-en", whole=True)
    assert (whole.text, whole.finished) == (long.en, True)
    (told,) = small.translate([long.zh], "zh-en", whole=True, max_tokens=5)  # it is the caller's limit
    assert (told.finished, told.tokens) == (False, 5)


def test_one_character_of_more_tokens_than_positions_does_no_harm(tmp_path: Path) -> None:
    small = Seq2Seq(with_positions(tmp_path / "small", 8), threads=1)
    family = "👩‍👩‍👧‍👦" + "\u0301" * 30
    (found,) = small.translate([family], "zh-en", whole=True)
    assert found.source_tokens <= 8


def test_sampling_is_the_same_with_the_same_seed_and_another_with_another(model: Seq2Seq) -> None:
    texts = ["今天很好。", "他们在听。", "我们喝雨。"]

    def said(seed: int) -> list[str]:
        drawn = model.translate(texts, "zh-en", sampling=Sampling(3.0, seed=seed), max_tokens=20)
        return [one.text for one in drawn]

    first = said(7)
    assert said(8) != first
    assert said(7) == first


def test_suppressed_tokens_are_never_written(model: Seq2Seq) -> None:
    (usual,) = model.translate([PAIRS[0].zh], "zh-en")
    for beams in (1, 3):
        (found,) = model.translate([PAIRS[0].zh], "zh-en", suppress=usual.ids[:3], beams=beams)
        assert not set(found.ids) & set(usual.ids[:3])


def test_what_it_cannot_do_is_said(model: Seq2Seq, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_run.converted(), tmp_path / "one"))
    told = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    (folder / RECORD).write_text(json.dumps({**told, "ways": ["zh-en"]}))
    with pytest.raises(UsageError, match="small translates zh-en alone, not en-zh"):
        Seq2Seq(folder).translate(["Hello."], "en-zh")
    (folder / "vocabulary" / "vocabulary.json").unlink()
    with pytest.raises(ModelError):
        Seq2Seq(folder)
    with pytest.raises(PrecisionFailure):
        Seq2Seq(small_run.converted(), precision="float16")  # no CPU computes in it
    closed = Seq2Seq(small_run.converted())
    closed.close()
    closed.close()
    with pytest.raises(RuntimeFailure, match="closed"):
        closed.translate(["好"], "zh-en")


def test_nan_is_no_translation(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(small_run.converted(), tmp_path / "broken"))
    raw = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(_with_nan(raw, b"decoder/layer_norm/gamma\0"))
    with pytest.raises(PrecisionFailure, match="NaN"):
        Seq2Seq(folder).translate(["谢谢你的帮助。"], "zh-en", max_tokens=4)


def _with_nan(raw: bytes, name: bytes) -> bytes:
    """Return a model's file with NaN for every number of one vector of float32."""
    head = raw.index(name) + len(name) + 1 + 4 + 1  # dimensions, the only one, type
    size = int.from_bytes(raw[head : head + 4], "little")
    start = head + 4
    return raw[:start] + b"\x00\x00\xc0\x7f" * (size // 4) + raw[start + size :]
