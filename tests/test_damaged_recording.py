"""A recording that is broken in the middle: what is left is heard, in time, and the damage is told."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import av
import numpy as np
import pytest

from bili2text import pipeline
from bili2text.audio.decode import Decoder
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Output, Request, Result
from bili2text.segments import Word
from bili2text.transcribe.engine import DecodeOptions
from bili2text.transcribe.run import Listening


@pytest.fixture(scope="module")
def whole(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty seconds of English speech in an m4a."""
    spoken = []
    for name in ("quick_brown_fox", "counting", "hello_world") * 5:
        with Decoder(samples / "en" / f"{name}.wav") as decoder:
            spoken += [block.samples for block in decoder.blocks()]
        spoken.append(np.zeros(6400, np.float32))
    sound = np.concatenate(spoken)[: 30 * 16000]
    path = tmp_path_factory.mktemp("damaged") / "whole.m4a"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100, layout="mono")
        stream.bit_rate = 96000
        frame = av.AudioFrame.from_ndarray(sound[None, :], format="flt", layout="mono")
        frame.sample_rate = 16000
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def hear(path: Path, environ: Mapping[str, str]) -> Result:
    request = Request(
        (str(path),),
        wishes=Wishes(model="base", device="cpu", beam_size=1),
        listening=Listening(options=DecodeOptions(word_timestamps=True, temperatures=(0.0,)), language="en"),
        output=Output(folder="-", formats="json"),
    )
    (outcome,) = pipeline.run(request, Silent(), environ)
    assert isinstance(outcome, Result)
    return outcome


def words(result: Result) -> list[Word]:
    return [word for segment in result.document.transcript.segments for word in segment.words]


def test_words_after_the_damage_are_in_time(
    whole: Path, base_folder: Path, environ: Mapping[str, str]
) -> None:
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(1).integers(0, 256, 4000, dtype=np.uint8).tobytes()
    broken = whole.with_name("broken.m4a")
    broken.write_bytes(data)
    before, after = hear(whole, environ), hear(broken, environ)
    damage = after.document.details["damage"]
    assert isinstance(damage, dict)
    assert damage["bad_packets"] > 0
    assert 30 - damage["lost_seconds"] - damage["truncated_seconds"] >= 28
    assert after.document.transcript.duration == pytest.approx(before.document.transcript.duration, abs=0.05)
    spoken, heard = words(before), words(after)
    names = [[word.text.strip(" ,.").lower() for word in found] for found in (spoken, heard)]
    late = [
        heard[block.b + index].start - spoken[block.a + index].start
        for block in difflib.SequenceMatcher(None, *names, autojunk=False).get_matching_blocks()
        for index in range(block.size)
        if spoken[block.a + index].start > 17
    ]
    assert len(late) > 10
    assert np.median(np.abs(late)) <= 0.02
    assert np.quantile(np.abs(late), 0.9) <= 0.1
