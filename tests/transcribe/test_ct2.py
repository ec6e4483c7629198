"""The real engine on the real small models."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from bili2text.audio.chunks import CutRules, chunks
from bili2text.audio.decode import Decoder
from bili2text.audio.speech import SpeechDetector, judged
from bili2text.audio.waveform import SAMPLE_RATE, Samples
from bili2text.errors import (
    DependencyError,
    ModelError,
    OutOfMemory,
    PrecisionFailure,
    RuntimeFailure,
    UsageError,
)
from bili2text.transcribe.ct2 import Ct2Engine, compression_ratio
from bili2text.transcribe.ct2_errors import meaning
from bili2text.transcribe.engine import DecodeOptions, Effort, Load, Window
from bili2text.transcribe.run import Heard, Listening, listen


def sound(path: Path) -> Samples:
    with Decoder(path) as decoder:
        return np.concatenate([block.samples for block in decoder.blocks()])


def hear(samples: Samples, engine: Ct2Engine, how: Listening = Listening()) -> Heard:
    blocks = (samples[at : at + SAMPLE_RATE] for at in range(0, len(samples), SAMPLE_RATE))
    return listen(chunks(judged(blocks, SpeechDetector()), CutRules()), engine, how, lambda _: None)


@pytest.fixture(scope="module")
def tiny(tiny_en_folder: Path) -> Iterator[Ct2Engine]:
    engine = Ct2Engine(Load(tiny_en_folder, "cpu", compute_type="int8", threads=2), DecodeOptions())
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Iterator[Ct2Engine]:
    options = DecodeOptions(word_timestamps=True)
    engine = Ct2Engine(Load(base_folder, "cpu", compute_type="int8", threads=2), options)
    yield engine
    engine.close()


def test_an_english_model_hears_the_sentence(tiny: Ct2Engine, samples: Path) -> None:
    heard = hear(sound(samples / "en" / "quick_brown_fox.wav"), tiny)
    assert "quick brown fox jumps over the lazy dog" in heard.segments[0].text.lower()
    assert heard.language.language == "en"


def test_text_does_not_depend_on_the_batch(tiny: Ct2Engine, samples: Path) -> None:
    quiet = np.zeros(4 * SAMPLE_RATE, np.float32)
    names = ("counting", "quick_brown_fox", "hello_world", "counting")
    clips = [part for name in names for part in (sound(samples / "en" / f"{name}.wav"), quiet)]
    together = np.concatenate(clips)
    texts = [
        [segment.text for segment in hear(together, tiny, Listening(batch_size=size)).segments]
        for size in (1, 3, 8)
    ]
    assert texts[0] == texts[1] == texts[2]
    assert len(texts[0]) >= 4


def test_windows_of_all_lengths_side_by_side_say_what_each_says_alone(
    tiny: Ct2Engine, tiny_en_folder: Path, samples: Path
) -> None:
    clip = sound(samples / "en" / "quick_brown_fox.wav")
    windows = tuple(
        Window(np.resize(clip, seconds * SAMPLE_RATE), "en") for seconds in (3, 28, 9, 20, 14, 24, 5)
    )
    several = Ct2Engine(
        Load(tiny_en_folder, "cpu", compute_type="int8", threads=3, workers=3), DecodeOptions()
    )
    effort = Effort(temperatures=(0.0,))
    together = several.decode(windows, effort)
    several.close()
    assert together == tuple(tiny.decode((window,), effort)[0] for window in windows)


def test_a_sampled_text_does_not_depend_on_who_of_several_workers_is_free(
    tiny_en_folder: Path, samples: Path
) -> None:
    several = Ct2Engine(
        Load(tiny_en_folder, "cpu", compute_type="float32", threads=3, workers=3), DecodeOptions()
    )
    clip = sound(samples / "en" / "counting.wav")
    noise = np.random.default_rng(7).normal(0, 0.06, len(clip)).astype(np.float32)
    windows = (Window(clip * 0.3 + noise, "en"), Window(np.resize(clip, 20 * SAMPLE_RATE), "en"))
    found = []
    for _ in range(3):
        several.decode(windows, Effort(temperatures=(0.0,)))
        found.append(several.decode(windows, Effort(temperatures=(1.0,))))
    several.close()
    assert found[0] == found[1] == found[2]


def test_every_language_of_the_clips_that_base_knows_is_detected(base: Ct2Engine, samples: Path) -> None:
    wanted = {
        "en": "counting",
        "es": "conteo",
        "fr": "comptage",
        "it": "conteggio",
        "pt": "contagem",
        "zh": "jishu",
    }
    for code, name in wanted.items():
        (found,) = base.languages((sound(samples / code / f"{name}.wav"),))
        assert max(found, key=lambda one: found[one]) == code


def test_words_lie_within_their_recording_and_in_order(base: Ct2Engine, samples: Path) -> None:
    quiet = np.zeros(5 * SAMPLE_RATE, np.float32)
    spoken = sound(samples / "en" / "counting.wav")
    heard = hear(np.concatenate([quiet, spoken, quiet, spoken]), base)
    words = [word for segment in heard.segments for word in segment.words]
    assert len(words) >= 20 - 2
    assert all(a.end <= b.start + 0.02 for a, b in zip(words, words[1:], strict=False))
    first, second = words[0], next(word for word in words if word.start > 9)
    assert first.start == pytest.approx(5.1, abs=0.25)
    assert second.start - first.start == pytest.approx(5 + len(spoken) / SAMPLE_RATE, abs=0.25)


@pytest.mark.parametrize("prompt", [None, "word " * 60])
def test_so_many_new_tokens_are_decoded_and_no_more(base_folder: Path, prompt: str | None) -> None:
    end = 50257  # forbidden, so that a text ends at the limit alone
    options = DecodeOptions(
        beam_size=1, max_new_tokens=30, initial_prompt=prompt, suppress_tokens=(-1, end), temperatures=(0.0,)
    )
    engine = Ct2Engine(Load(base_folder, "cpu", compute_type="int8", threads=2), options)
    model, counted = engine._whisper.model, []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(model, name)

        def generate(self, *args: object, **how: object) -> object:
            found = model.generate(*args, **how)
            counted.extend(len(one.sequences_ids[0]) for one in found)
            return found

    engine._whisper.model = Counting()
    engine.decode((Window(np.zeros(4 * SAMPLE_RATE, np.float32), "en"),))
    assert counted == [30]


def test_silence_says_nothing(base: Ct2Engine) -> None:
    assert hear(np.zeros(20 * SAMPLE_RATE, np.float32), base).segments == ()


def test_a_window_of_one_sample_is_no_crash(base: Ct2Engine) -> None:
    (decoded,) = base.decode((Window(np.zeros(1, np.float32), "en"),))
    assert all(segment.end <= 1 / SAMPLE_RATE for segment in decoded.segments)


def test_a_loop_compresses_better_than_speech() -> None:
    assert (
        compression_ratio("thank you " * 40) > 2.4 > compression_ratio("The quick brown fox jumps over it.")
    )


@pytest.mark.parametrize(
    "options",
    [
        DecodeOptions(initial_prompt="Hello.", carry_initial_prompt=False),
        DecodeOptions(prefix="One", hotwords="fox dog"),
        DecodeOptions(initial_prompt="word " * 400, hotwords="fox " * 400),
    ],
)
def test_windows_with_unlike_or_endless_prompts_share_a_batch(
    tiny_en_folder: Path, samples: Path, options: DecodeOptions
) -> None:
    engine = Ct2Engine(Load(tiny_en_folder, "cpu", compute_type="int8", threads=2), options)
    quiet = np.zeros(4 * SAMPLE_RATE, np.float32)
    clip = sound(samples / "en" / "quick_brown_fox.wav")
    heard = hear(np.concatenate([clip, quiet, clip, quiet, clip]), engine, Listening(options=options))
    assert len(heard.chunks) == 3
    assert "lazy dog" in heard.segments[-1].text.lower()


def test_a_language_the_model_has_no_token_for_is_refused(base: Ct2Engine, tiny: Ct2Engine) -> None:
    base.check_language("zh")
    tiny.check_language("en")
    for engine, language in ((base, "yue"), (tiny, "zh")):
        with pytest.raises(UsageError):
            engine.check_language(language)


def test_the_prompt_stays_when_the_text_before_is_long(base_folder: Path) -> None:
    options = DecodeOptions(initial_prompt="Foo bar.", condition_on_previous_text=True)
    engine = Ct2Engine(Load(base_folder, "cpu", compute_type="int8"), options)
    told = engine._prompt(Window(np.zeros(16000, np.float32), "en", previous=tuple([400] * 300)))
    assert "Foo bar." in engine._tokenizer("en").decode(told)
    assert len(told) <= 1 + 223 + 3


def test_a_precision_the_cpu_lacks_is_one_line(tiny_en_folder: Path) -> None:
    with pytest.raises(PrecisionFailure, match="precision"):
        Ct2Engine(Load(tiny_en_folder, "cpu", compute_type="float16"), DecodeOptions())


def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        Ct2Engine(Load(tmp_path, "cpu"), DecodeOptions())


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("CUDA failed with error out of memory", OutOfMemory),
        ("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED", OutOfMemory),
        ("cuBLAS failed with status CUBLAS_STATUS_NOT_SUPPORTED", PrecisionFailure),
        ("Library libcublas.so.12 is not found or cannot be loaded", DependencyError),
        (
            "CUDA failed with error CUDA driver version is insufficient for CUDA runtime version",
            DependencyError,
        ),
        (
            "parallel_for failed: cudaErrorUnsupportedPtxVersion: the provided PTX was compiled",
            DependencyError,
        ),
        ("CUDA failed with error no kernel image is available for execution on the device", DependencyError),
        ("This CTranslate2 package was not compiled with CUDA support", DependencyError),
        ("something nobody has seen", RuntimeFailure),
    ],
)
def test_what_the_engine_says_becomes_one_line_and_a_way_out(message: str, kind: type[Exception]) -> None:
    error = meaning(message, "the GPU")
    assert type(error) is kind
    assert error.hint
    assert "\n" not in error.message


def test_encoding_in_parts_gives_the_same_text(tiny_en_folder: Path, samples: Path) -> None:
    names = ("counting", "quick_brown_fox", "hello_world")
    windows = tuple(Window(sound(samples / "en" / f"{name}.wav"), "en") for name in names)
    load = Load(tiny_en_folder, "cpu", compute_type="float32", threads=2)
    texts = []
    for part in (None, 1, 2):
        engine = Ct2Engine(load, DecodeOptions(encoder_batch=part, word_timestamps=True))
        texts.append([decoded.segments for decoded in engine.decode(windows)])
        engine.close()
    assert texts[0] == texts[1] == texts[2]
    assert "brown fox" in texts[0][1][0].text


@pytest.mark.parametrize("compute_type", ["float32", "int8"])
def test_a_model_that_computes_nan_is_a_failed_precision(
    tiny_en_folder: Path, tmp_path: Path, compute_type: str
) -> None:
    folder = tmp_path / "nan"
    shutil.copytree(tiny_en_folder, folder)
    raw = bytearray((folder / "model.bin").read_bytes())
    name = (
        b"decoder/layer_norm/gamma\0"  # one rank, one dimension, a type and a length stand before its numbers
    )
    at = raw.index(name) + len(name)
    at += 1 + 4 * raw[at] + 1
    (length,) = struct.unpack_from("<I", raw, at)
    raw[at + 4 : at + 4 + length] = np.full(length // 2, np.nan, np.float16).tobytes()
    (folder / "model.bin").write_bytes(raw)
    engine = Ct2Engine(Load(folder, "cpu", compute_type=compute_type, threads=2), DecodeOptions())
    with pytest.raises(PrecisionFailure, match="NaN"):
        engine.decode((Window(np.zeros(SAMPLE_RATE, np.float32), "en"),))
    engine.close()
