"""What a model's process and its parent say to each other: exact, bounded, and never trusted."""

from __future__ import annotations

import io
import json
import math
import os
import struct
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bili2text import errors
from bili2text.audio.waveform import SAMPLE_RATE
from bili2text.errors import Bili2TextError, DependencyError, OutOfMemory, RuntimeFailure
from bili2text.gpu.account import Watching
from bili2text.gpu.meter import Measured
from bili2text.gpu.monitor import Summary
from bili2text.remote import wire
from bili2text.remote.plain import plain, typed
from bili2text.remote.stats import AccountWish, EngineStats
from bili2text.remote.wire import Frame, WireError
from bili2text.segments import Segment, Word
from bili2text.transcribe.engine import WINDOW_SECONDS, Decoded, DecodeOptions, Effort, Load, Window
from bili2text.transcribe.talk import WORDS, of_windows, windows_of

number = st.floats(allow_nan=True)
# a name that is no UTF-8 reaches Python with lone low surrogates in it
text = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\udc80\udcff"), max_size=20)
tokens = st.lists(st.integers(0, 60_000), max_size=20).map(tuple)
words = st.builds(Word, number, number, text, number)
segments = st.builds(
    Segment, number, number, text, st.lists(words, max_size=3).map(tuple), number, number, number, number
)
decoded = st.builds(
    Decoded, st.lists(segments, max_size=3).map(tuple), st.none() | number, st.booleans(), tokens, number
)
finite = st.floats(allow_nan=False, allow_infinity=False)
temperatures = st.lists(finite, max_size=6).map(tuple)
options = st.builds(
    DecodeOptions,
    temperatures=temperatures,
    log_prob_threshold=st.none() | finite,
    initial_prompt=st.none() | text,
    suppress_tokens=tokens,
    word_timestamps=st.booleans(),
)
efforts = st.builds(Effort, st.none() | temperatures, st.booleans(), st.none() | st.integers(0, 9))
windows = st.builds(
    lambda values, *told: Window(np.array(values, np.float32), *told),
    st.lists(st.floats(width=32), max_size=50),
    text,
    tokens,
    st.booleans(),
    st.none() | text,
    st.none() | text,
)


def _raw(header: bytes) -> bytes:
    return struct.pack("=4sI", b"b2t\1", len(header)) + header


def sent(frame: Frame, *, nan: bool = False) -> bytes:
    stream = io.BytesIO()
    wire.write(stream, frame, nan=nan)
    return stream.getvalue()


def heard(frame: Frame, *, nan: bool = False) -> Frame:
    found = wire.read(io.BytesIO(sent(frame, nan=nan)), nan=nan)
    assert found is not None
    return found


@given(st.lists(decoded, max_size=3).map(tuple))
def test_what_was_decoded_arrives_to_the_last_bit_nan_too(said: tuple[Decoded, ...]) -> None:
    found = typed(tuple[Decoded, ...], heard(Frame("decoded", plain(said)), nan=True).body)
    assert repr(found) == repr(said)


@given(options, efforts, st.lists(windows, max_size=4).map(tuple))
def test_windows_and_how_to_decode_them_arrive_to_the_last_bit(
    how: DecodeOptions, effort: Effort, said: tuple[Window, ...]
) -> None:
    assert typed(DecodeOptions, heard(Frame("order", plain(how))).body) == how
    frame = heard(of_windows("decode", said, effort=effort))
    assert typed(Effort, frame.body["effort"]) == effort  # type: ignore[index]
    found = windows_of(frame)
    told = [(w.language, w.previous, w.first, w.prompt, w.hotwords) for w in said]
    assert [(w.language, w.previous, w.first, w.prompt, w.hotwords) for w in found] == told
    assert [w.samples.tobytes() for w in found] == [w.samples.tobytes() for w in said]


def test_every_other_value_arrives_as_it_was(tmp_path: Path) -> None:
    measured = Measured(1, None, 3, "pool", None, 5, "why")
    values = (
        Load(tmp_path, "cuda", 1, "int8", 3),
        AccountWish("GPU-1", Watching(True, 7), tmp_path, 2),
        EngineStats(300, measured, Summary().plus(_sample()), tmp_path / "log"),
        EngineStats(),
    )
    for value in values:
        assert typed(type(value), json.loads(json.dumps(plain(value)))) == value


def _sample() -> object:
    from bili2text.gpu.monitor import Sample

    return Sample(0.1, 100, 200)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_an_answer_and_never_a_question(value: float) -> None:
    frame = Frame("x", [value])
    with pytest.raises(WireError):
        sent(frame)
    said = sent(frame, nan=True)
    with pytest.raises(WireError):
        wire.read(io.BytesIO(said))
    assert repr(heard(frame, nan=True).body) == repr([value])


def test_a_number_too_large_for_a_float_is_no_way_around_that() -> None:
    with pytest.raises(WireError):
        wire.read(io.BytesIO(_raw(b'{"kind":"x","body":1e999,"samples":[]}')))


WHOLE = sent(Frame("decode", {"a": [1.5, "é", None]}, (np.ones(50, np.float32), np.zeros(0, np.float32))))


def test_a_frame_cut_anywhere_is_an_error_and_the_end_between_two_is_none() -> None:
    assert wire.read(io.BytesIO(b"")) is None
    for length in range(1, len(WHOLE)):
        with pytest.raises(WireError):
            wire.read(io.BytesIO(WHOLE[:length]))


@settings(max_examples=300)
@given(st.data())
def test_flipped_bytes_are_an_error_or_another_frame_and_nothing_worse(data: st.DataObject) -> None:
    bad = bytearray(WHOLE)
    for at in data.draw(st.lists(st.integers(0, len(WHOLE) - 201), min_size=1, max_size=3)):
        bad[at] ^= data.draw(st.integers(1, 255))
    try:
        found = wire.read(io.BytesIO(bytes(bad)), nan=True)
    except WireError as error:
        assert "\n" not in error.message  # noqa: PT017 - both outcomes are right
    else:
        assert isinstance(found, Frame)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_a_header_of_anything_is_an_error_or_a_frame(header: bytes) -> None:
    with suppress(WireError):
        wire.read(io.BytesIO(_raw(header)))


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"kind":"x","body":0,"samples":[-1]}',
        b'{"kind":"x","body":0,"samples":[480001]}',
        b'{"kind":"x","body":0,"samples":[true]}',
        b'{"kind":"x","body":0,"samples":' + json.dumps([0] * 65).encode() + b"}",
        b'{"kind":"x","body":0,"samples":[],"more":0}',
        b'{"kind":7,"body":0,"samples":[]}',
        b"null",
        b"\xff",
    ],
)
def test_hostile_headers_are_refused_before_any_sound_is_read(header: bytes) -> None:
    with pytest.raises(WireError):
        wire.read(io.BytesIO(_raw(header)))


def test_a_length_beyond_the_limit_is_refused_unread() -> None:
    stream = io.BytesIO(struct.pack("=4sI", b"b2t\1", wire.HEADER_BYTES + 1) + b"x" * 100)
    with pytest.raises(WireError):
        wire.read(stream)
    assert stream.tell() == 8


@pytest.mark.parametrize(
    "sounds",
    [
        (np.zeros(0, np.float32),) * (wire.SOUNDS + 1),
        (np.zeros(wire.SAMPLES + 1, np.float32),),
        (np.zeros((2, 2), np.float32),),
    ],
)
def test_too_much_sound_is_refused_before_a_byte_is_written(sounds: tuple[np.ndarray, ...]) -> None:
    stream = io.BytesIO()
    with pytest.raises(WireError):
        wire.write(stream, Frame("languages", None, sounds))
    assert stream.getvalue() == b""


def test_a_sound_may_be_as_long_as_what_whisper_hears_at_once() -> None:
    assert wire.SAMPLES == WINDOW_SECONDS * SAMPLE_RATE


def test_the_largest_frame_goes_through_a_pipe_that_takes_a_little_at_a_time() -> None:
    sounds = tuple(np.full(wire.SAMPLES, index, np.float32) for index in range(8))
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as incoming, os.fdopen(writer, "wb", buffering=0) as outgoing:
        thread = threading.Thread(target=wire.write, args=(outgoing, Frame("languages", None, sounds)))
        thread.start()
        found = wire.read(incoming)
        thread.join()
    assert found is not None
    assert all(np.array_equal(a, b) for a, b in zip(found.sounds, sounds, strict=True))


@pytest.mark.parametrize(
    "kind",
    [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Bili2TextError)],
)
def test_each_of_our_errors_arrives_as_itself(kind: type[Bili2TextError]) -> None:
    found = wire.error_of(heard(wire.of_error(kind("what é", hint="do"))))
    assert (type(found), found.message, found.hint) == (kind, "what é", "do")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ValueError("a\nb"), RuntimeFailure),
        (MemoryError(), OutOfMemory),
        (ImportError("no"), DependencyError),
        (WireError("torn"), RuntimeFailure),
    ],
)
def test_any_other_error_arrives_as_one_of_ours_in_one_line(error: Exception, kind: type) -> None:
    found = wire.error_of(heard(wire.of_error(WORDS.error(error))))
    assert type(found) is kind
    assert "\n" not in found.message


def test_what_was_printed_before_the_greeting_is_skipped() -> None:
    stream = io.BytesIO(b"noise\n\0bili" + wire.GREETING + WHOLE)
    assert wire.greeted(stream)
    assert wire.read(stream) is not None
    assert not wire.greeted(io.BytesIO(b"noise"))


@pytest.mark.parametrize(
    "change",
    [
        {"start": "0"},
        {"start": True},
        {"text": 5},
        {"words": {}},
        {"words": [{}]},
        {"extra": 0},
    ],
)
def test_a_value_with_something_wrong_in_it_is_refused_by_name(change: dict[str, object]) -> None:
    found = {**plain(Segment(0.0, 1.0, "a")), **change}  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=next(iter(change)) if "extra" not in change else "Segment"):
        typed(Segment, found)
    assert replace(Segment(0.0, 1.0, "a"), end=1) == typed(Segment, plain(Segment(0.0, 1, "a")))
