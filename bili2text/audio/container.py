"""Opening media, the only way there is. libav gets to see the bytes of one regular file, nothing else.

libav opens more than it is asked to: an .m3u8 or ffconcat text makes it open other files and links, whatever
its name is. So the file is opened here and handed over without its name, and only formats that hold their own
sound are let in. Every error of PyAV about a file becomes a MediaError here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import NoReturn, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from bili2text.audio import headers
from bili2text.audio.media import LIMITS, Limits, MediaInfo
from bili2text.audio.reader import Reader
from bili2text.errors import MediaError
from bili2text.files import clean_text

# Demuxers that read one file and open no other. libav compares each with every one of a demuxer's names.
DEMUXERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,ogg,tta,"
    "w64,wav,wv"
)
_MOV, _MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"
_UNTIMED = {"aac", "ac3", "amr", "dts", "eac3", "mp3"}  # no clock in the file: libav counts packets
_BUFFER = 1 << 17  # bytes libav reads at a time; every read is a call into Python
_LATE_START = 30.0  # seconds; where nothing begins before, the file is a piece of something longer
_TRAILER = 4096  # bytes of tags or index behind the sound; an index grows with the file, by about 1/1000
# A tag in some old encoding is no reason to fail; PyAV 19 needs no asking, and no longer knows the word.
_LENIENT = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
_RETRIES = 50  # read errors in a row, after which the rest of the file is given up


def inspect(path: Path, track: int | None = None, limits: Limits = LIMITS) -> MediaInfo:
    """Return what `path` says of its sound. Raises MediaError when it has none that can be decoded."""
    with Sound(path, track, limits) as sound:
        return sound.info


class Sound:
    """One audio track of an open file: what it is, and its packets. Close it.

    `track` counts audio tracks from 1; None takes the one the file calls default, else the first.
    Raises MediaError for whatever is no regular file, holds no sound, or exceeds `limits`.
    """

    def __init__(self, path: Path, track: int | None, limits: Limits) -> None:
        self.name = clean_text(str(path)) or "the file"
        self.bad_reads = 0  # times libav could not make sense of what comes next
        self.reached = 0.0  # seconds; the latest end of a packet of another track
        self._read_to = 0  # bytes; the end of the last packet
        self._file = Reader(path, self.name, max_bytes=limits.max_bytes, max_barren=limits.max_barren)
        self._container: InputContainer | None = None
        try:
            self._container = _open(self._file, self.name)
            self._file.fertile()
            self.stream, number = _choose(self._container, track, self.name)
            self.info = self._describe(self._container, number, limits)
            _check(self.info, limits, self.name)
            self._streams = self._relevant(self._container)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Sound:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._container is not None:
            self._container.close()
        self._file.close()

    def packets(self) -> Iterator[Packet[AudioStream]]:
        """Yield the track's packets, past what cannot be read. Raises MediaError if the disk fails."""
        failures = 0
        while self._container is not None and failures < _RETRIES:
            try:
                for packet in self._container.demux(self._streams):
                    failures = 0
                    self._file.fertile()
                    self._note(packet)
                    # An empty packet would tell the decoder that the end has come.
                    if packet.stream_index == self.stream.index and packet.size:
                        yield cast("Packet[AudioStream]", packet)
            except av.error.FFmpegError:
                self.bad_reads += 1
                failures += 1
            except IndexError:  # PyAV, at the end of the file, about a track that appeared after opening
                return
            else:
                return

    def time(self, stamp: int) -> float:
        """Return what `stamp`, in the track's time base, is in seconds of the recording."""
        return _seconds(stamp, self.stream) - self.origin

    def unread(self) -> int:
        """Return how many bytes of a fragmented MP4 or an ADTS stream are in no packet; 0 for other files.

        Nothing else tells that a broken fragment has hidden all those after it, or that libav has passed
        over garbage.
        """
        fragmented = self.info.format == _MOV and not self.stream.frames
        if not fragmented and self.info.format != "aac":
            return 0
        left = self.info.size - self._read_to
        return left if left > _TRAILER + self.info.size // 300 else 0

    def _note(self, packet: Packet[Stream]) -> None:
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is not None and packet.stream_index != self.stream.index:
            end = float((stamp + (packet.duration or 0)) * packet.time_base) - self.origin
            self.reached = max(self.reached, end)
        if packet.pos is not None:
            self._read_to = max(self._read_to, packet.pos + packet.size)

    def _relevant(self, container: InputContainer) -> list[Stream]:
        """Return the streams to read: all of them where only together they tell that the end is missing."""
        if self.info.format != _MOV or not self.stream.duration:
            return list(container.streams)
        for other in container.streams:
            # libav then skips the pictures without reading them; older PyAV cannot ask for that.
            if other.index != self.stream.index and hasattr(other, "discard"):
                other.discard = av.stream.Discard.all
        return [self.stream]

    def _describe(self, container: InputContainer, number: int, limits: Limits) -> MediaInfo:
        stream, name, size = self.stream, container.format.name, self._file.size
        head = self._file.peek(headers.id3_length(self._file.peek(0, 10)), headers.HEAD)
        self.origin = _origin(container)
        begin = 0.0 if stream.start_time is None else max(0.0, self.time(stream.start_time))
        end, exact = _declared_end(container, stream, self.origin, begin), name not in _UNTIMED
        if end is not None:
            end += headers.wav_missing(head, size)
        if name == "mp3" and headers.mp3_frames(head):
            end, exact = headers.mp3_frames(head) * _mp3_frame(stream.codec_context.sample_rate), True
        if end is None or size < end * limits.min_density:  # no codec goes so low: broken, or a trap
            end, exact = None, False
        return MediaInfo(
            format=name,
            codec=stream.codec_context.name,
            sample_rate=stream.codec_context.sample_rate,
            channels=stream.codec_context.channels,
            start=begin,
            duration=end,
            exact=exact,
            timed=name not in _UNTIMED,
            track=number,
            tracks=len(container.streams.audio),
            size=size,
        )


def _open(file: Reader, name: str) -> InputContainer:
    opener: Callable[..., InputContainer] = av.open
    try:
        return opener(
            file,
            mode="r",
            container_options={"format_whitelist": DEMUXERS},
            buffer_size=_BUFFER,
            io_open=_refuse,
            **_LENIENT,
        )
    except (av.error.FFmpegError, ValueError) as error:
        kind = headers.kind(file.peek(0, headers.HEAD))
        if kind:
            raise MediaError(f"{kind}, not a media file: {name}", hint="pass the sound itself") from error
        raise MediaError(
            f"not a media file, or damaged beyond reading: {name}", hint="try to play it; download it again"
        ) from error


def _refuse(*_: object) -> NoReturn:
    raise MediaError("the file wants to open other files", hint="pass the sound itself")


def _choose(container: InputContainer, track: int | None, name: str) -> tuple[AudioStream, int]:
    """Return the stream to decode and its number, from 1."""
    streams = container.streams.audio
    if not streams:
        raise MediaError(f"no sound in it: {name}", hint="pass a file with an audio track")
    if track is None:
        defaults = [i for i, stream in enumerate(streams) if stream.disposition & Disposition.default]
        chosen = defaults[0] if defaults else 0
    elif 1 <= track <= len(streams):
        chosen = track - 1
    else:
        raise MediaError(
            f"it has {len(streams)} audio track(s), there is no number {track}: {name}",
            hint=f"pass --audio-track 1 to {len(streams)}",
        )
    stream = streams[chosen]
    if stream.codec_context is None:
        raise MediaError(
            f"its sound is encrypted or in an unknown format: {name}", hint="convert it to FLAC or m4a first"
        )
    return stream, chosen + 1


def _origin(container: InputContainer) -> float:
    """Return the time, in the file's own count, that players show as 0:00.

    MP4 and Matroska count from 0, and what begins late has silence before it; but a piece cut from a
    broadcast keeps the broadcast's time. The other formats begin with whatever their clock happened to show.
    """
    start = float(container.start_time or 0) / av.time_base
    if container.format.name in (_MOV, _MATROSKA) and 0 <= start <= _LATE_START:
        return 0.0
    return start


def _declared_end(
    container: InputContainer, stream: AudioStream, origin: float, begin: float
) -> float | None:
    """Return the second at which the track ends by what the file says; None: it does not say."""
    if stream.duration:
        return begin + _seconds(stream.duration, stream)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")  # Matroska: 00:00:29.893000000
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds) - origin
    except ValueError:
        pass
    if not container.duration:
        return None
    return container.duration / av.time_base - (origin if container.format.name == _MATROSKA else 0.0)


def _mp3_frame(rate: int) -> float:
    """Return the seconds in a frame of layer III: MPEG-1, from 32 kHz up, has twice the samples of MPEG-2."""
    return (1152 if rate >= 32_000 else 576) / rate if rate else 0.0


def _seconds(stamp: int, stream: Stream) -> float:
    base = stream.time_base
    # what multiplying by the fraction gives, without making one for each of a million stamps
    return stamp * base.numerator / base.denominator if base else 0.0


def _check(info: MediaInfo, limits: Limits, name: str) -> None:
    if not limits.min_rate <= info.sample_rate <= limits.max_rate:
        raise MediaError(
            f"it claims {info.sample_rate:,} samples a second: {name}",
            hint="the file is damaged; make it again",
        )
    if not 1 <= info.channels <= limits.max_channels:
        raise MediaError(
            f"it claims {info.channels:,} channels: {name}", hint="the file is damaged; make it again"
        )
    if info.exact and info.duration is not None and info.duration > limits.max_seconds:
        raise MediaError(
            f"it claims to last {info.duration / 3600:,.0f} hours: {name}",
            hint="cut it into parts: ffmpeg -c copy",
        )
