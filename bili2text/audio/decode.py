"""From a media file to blocks of 16 kHz mono sound, whatever shape the file is in.

faster-whisper's own decoder stops at the first bad packet and lets holes in the time line close up
(measured: 15 s of a 30 s m4a, cues 5 s early in WebM). Here a bad packet costs that packet, a hole becomes
silence, and what is missing is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet

from bili2text.audio import headers
from bili2text.audio.container import Sound
from bili2text.audio.damage import Damage
from bili2text.audio.media import LIMITS, Limits, MediaInfo
from bili2text.audio.timeline import TOLERANCE, Frame, Timeline
from bili2text.audio.waveform import (
    BLOCK,
    SAMPLE_RATE,
    Block,
    Samples,
    channel_weights,
    in_blocks,
    mix,
    silence,
    to_float,
)
from bili2text.errors import MediaError

_SHORT = 0.25  # seconds; containers disagree with themselves by that much about where a healthy file ends
_SEAMLESS = 1.0  # seconds of silence that go through the resampler, so that it need not start anew
_MEMORY = 100  # packets over which the byte rate is averaged


class Decoder:
    """One audio track of a file as sound. Iterate `blocks` once, then read `damage`. Close it.

    Raises MediaError when there is no sound that can be decoded, or more of it than `limits` allow.
    """

    def __init__(self, path: Path, *, track: int | None = None, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._sound = Sound(path, track, limits)
        self.info: MediaInfo = self._sound.info
        self._timeline = Timeline(self.info.start, self.info.duration)
        self._packets = _PacketDecoder(self._sound)
        self._truncated = 0.0

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._sound.close()

    @property
    def damage(self) -> Damage:
        """What is missing so far; all of it once the blocks are used up."""
        return Damage(
            bad_packets=self._packets.bad + self._packets.trailing + self._sound.bad_reads,
            gaps=self._timeline.gaps,
            lost_seconds=round(self._timeline.lost_seconds, 3),
            truncated_seconds=round(self._truncated, 3),
            non_finite_samples=self._packets.non_finite,
        )

    def blocks(self) -> Iterator[Block]:
        """Yield the sound from second 0 to the end, without a hole; memory does not grow with length."""
        return in_blocks(self._pieces())

    def _pieces(self) -> Iterator[Samples]:
        resampler = _Resampler()
        for frame in self._packets.frames():
            for placed in self._timeline.place(frame):
                yield from resampler.add(placed.silence, placed.frame)
            if self._timeline.position > self._limits.max_seconds:
                raise MediaError(
                    f"more than {self._limits.max_seconds / 3600:,.0f} hours of sound: {self._sound.name}",
                    hint="cut it into parts: ffmpeg -c copy",
                )
        for placed in self._timeline.finish():
            yield from resampler.add(placed.silence, placed.frame)
        yield from resampler.flush()
        self._truncated = self._missing_at_end()

    def _missing_at_end(self) -> float:
        """Return the seconds between where the sound ended and where the file says it does."""
        info, position, packets = self.info, self._timeline.position, self._packets
        short = packets.undecoded_to - position  # packets that were there, but could not be decoded
        if info.exact and info.duration is not None:
            declared = info.duration - max(position, self._sound.reached)
            if declared <= _SHORT and not info.timed:
                packets.trailing = 0  # all frames of the mp3 are there: behind them is padding, or a tag
                return 0.0
            short = max(short, declared)
        unread = self._sound.unread()
        if 0 < unread < info.size:
            short = max(short, position * unread / (info.size - unread))
        return short if short > _SHORT else 0.0


class _PacketDecoder:
    """Decodes a track's packets one by one and dates the frames; counts what fails."""

    def __init__(self, sound: Sound) -> None:
        self.bad = 0  # packets that could not be decoded, and had good ones behind them
        self.trailing = 0  # packets that could not be decoded since the last good one
        self.non_finite = 0
        self.undecoded_to = 0.0  # seconds; the end of the last packet, where it could not be decoded
        self._sound = sound
        self._lost_bytes = 0  # in bad packets since the last good one
        self._lost_seconds = 0.0  # what libav says those lasted
        self._advance = 0.0  # seconds by which untimed packets are later than libav counts
        self._rate, self._seen = 0.0, 0  # bytes a second of late, and over how many packets
        self._next = 0.0  # seconds; where the last packet says the next one begins
        self._weights: dict[str, Samples] = {}

    def frames(self) -> Iterator[Frame]:
        """Yield every frame that can be decoded, in order of the file."""
        for packet in self._sound.packets():
            try:
                decoded = self._sound.stream.decode(packet)
            except av.error.FFmpegError:
                self._fail(packet)
                continue
            # Not packet.is_corrupt: joined HLS segments and WAVs from a pipe have that, and nothing is wrong.
            self.bad += any(frame.is_corrupt for frame in decoded)
            yield from self._dated(packet, decoded)
        try:
            rest = self._sound.stream.decode(None)
        except av.error.FFmpegError:  # it was flushed already, or the last packets were bad
            rest = []
        yield from self._dated(None, rest)

    def _fail(self, packet: Packet[AudioStream]) -> None:
        if headers.is_tag(bytes(packet)[:16]):
            return
        self.trailing += 1
        self._lost_bytes += packet.size
        self._lost_seconds += _duration(packet)
        stamp = _stamp(packet)
        if stamp is not None:
            self.undecoded_to = self._sound.time(stamp) + self._advance + self._hidden() + _duration(packet)

    def _dated(self, packet: Packet[AudioStream] | None, decoded: list[AudioFrame]) -> Iterator[Frame]:
        lost, pause = self._lost_bytes > 0, False
        if packet is not None and decoded:
            self._advance += self._hidden()
            self.bad, self.trailing = self.bad + self.trailing, 0
            self._lost_bytes, self._lost_seconds, self.undecoded_to = 0, 0.0, 0.0
            pause = not lost and self._announced(packet)
            self._learn(packet)
        for frame in decoded:
            if not frame.samples:
                continue
            time = None
            if frame.pts is not None and frame.time_base is not None:
                time = float(frame.pts * frame.time_base) - self._sound.origin + self._advance
            yield Frame(time, self._mono(frame), frame.sample_rate, lost=lost, pause=pause)
            lost = pause = False

    def _hidden(self) -> float:
        """Return the seconds that hide in unreadable bytes of a format that only counts packets.

        What libav cannot read there it hands out as one long packet, and counts as one.
        """
        if self._sound.info.timed or not self._rate:
            return 0.0
        hidden = self._lost_bytes / self._rate - self._lost_seconds
        return hidden if hidden > TOLERANCE else 0.0

    def _announced(self, packet: Packet[AudioStream]) -> bool:
        """Return whether the packet before was said to last until this one, however little sound it had."""
        stamp = _stamp(packet)
        return stamp is not None and self._sound.time(stamp) <= self._next + TOLERANCE

    def _learn(self, packet: Packet[AudioStream]) -> None:
        duration, stamp = _duration(packet), _stamp(packet)
        if stamp is not None:
            self._next = self._sound.time(stamp) + duration
        if duration:
            self._seen = min(self._seen + 1, _MEMORY)
            self._rate += (packet.size / duration - self._rate) / self._seen

    def _mono(self, frame: AudioFrame) -> Samples:
        layout = frame.layout
        weights = self._weights.get(layout.name)
        if weights is None or len(weights) != layout.nb_channels:
            weights = channel_weights(tuple(channel.name for channel in layout.channels))
            self._weights[layout.name] = weights
        samples, broken = to_float(frame.to_ndarray())
        self.non_finite += broken
        if not frame.format.is_planar:
            samples = samples.reshape(-1, layout.nb_channels).T
        return mix(samples, weights)


class _Resampler:
    """Collects frames, brings them to 16 kHz a second at a time, and starts anew where rate or time jumps."""

    def __init__(self) -> None:
        self._waiting: list[Samples] = []
        self._count = 0  # samples in `_waiting`
        self._rate = SAMPLE_RATE
        self._taken = 0  # samples that went in since the last flush
        self._given = 0  # samples at 16 kHz that came out since
        self._inner: AudioResampler | None = None

    def add(self, quiet: float, frame: Frame) -> Iterator[Samples]:
        """Yield what is ready after `quiet` seconds of silence and then `frame`."""
        if quiet > _SEAMLESS or frame.rate != self._rate:
            yield from self.flush()
            self._rate = frame.rate
            left = round(quiet * SAMPLE_RATE)
            while left:  # a little at a time: the hole may be an hour long
                yield silence(min(left, BLOCK))
                left -= min(left, BLOCK)
        elif quiet:
            self._take(silence(round(quiet * self._rate)))
        self._take(frame.samples)
        if self._count >= self._rate:
            yield from self._convert()

    def _take(self, samples: Samples) -> None:
        self._waiting.append(samples)
        self._count += len(samples)

    def flush(self) -> Iterator[Samples]:
        """Yield the rest; what came out since the last flush then lasts exactly as long as what went in."""
        yield from self._convert()
        missing = round(self._taken * SAMPLE_RATE / self._rate) - self._given
        if self._inner is not None:
            for frame in self._inner.resample(None):
                samples = np.clip(frame.to_ndarray()[0], -1, 1)[: max(0, missing)]
                missing -= len(samples)
                yield samples
        if missing > 0:
            yield silence(missing)
        self._taken, self._given, self._inner = 0, 0, None

    def _convert(self) -> Iterator[Samples]:
        if not self._count:
            return
        samples = np.concatenate(self._waiting)
        self._waiting, self._count = [], 0
        self._taken += len(samples)
        if self._rate == SAMPLE_RATE:
            self._given += len(samples)
            yield samples
            return
        if self._inner is None:
            self._inner = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frame = AudioFrame.from_ndarray(samples[None, :], format="flt", layout="mono")
        frame.sample_rate = self._rate
        for out in self._inner.resample(frame):
            found = np.clip(out.to_ndarray()[0], -1, 1)
            self._given += len(found)
            yield found


def _stamp(packet: Packet[AudioStream]) -> int | None:
    return packet.dts if packet.pts is None else packet.pts


def _duration(packet: Packet[AudioStream]) -> float:
    return float((packet.duration or 0) * packet.time_base)
