"""Where each decoded frame belongs in the recording. Pure: decides, and counts what is missing.

Cues are in time only if what a file leaves out stays left out. So the time stamps decide, not the number of
samples; but stamps can be wrong too, and a jump is believed only when the frame after it agrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bili2text.audio.waveform import Samples

TOLERANCE = 0.05  # seconds a stamp may be off: rounding, priming, a clock that runs a little fast
_AFTER_LOSS = 0.003  # seconds; where packets are known to be lost, smaller holes are filled too
_OVERLAP = 1.0  # seconds; sound this much too early repeats what was heard, earlier than that is a new clock
_NEAR = 60.0  # seconds; within this a restarted clock is followed rather than the original one
_PATIENCE = 64  # frames held back at most while it is unclear where they belong
_SLACK = 60.0  # seconds a recording may outlast what it says of itself
_UNKNOWN = 3600.0  # seconds of silence at once, at most, where it does not say


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Sound as a decoder gave it."""

    time: float | None  # seconds of the recording at which its stamp puts it; None: no stamp
    samples: Samples  # mono
    rate: int  # samples a second
    lost: bool = False  # whether packets right before it could not be decoded
    pause: bool = False  # whether the file itself says that nothing comes before it for a while

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A frame, and the silence that goes before it."""

    silence: float  # seconds
    frame: Frame


class Timeline:
    """Puts frames in their place: `place` each in order, then `finish`."""

    def __init__(self, start: float, duration: float | None) -> None:
        """`start` is where the file says its sound begins, `duration` where it says it ends, in seconds."""
        self.position = 0.0  # seconds of the recording that are placed
        self.gaps = 0
        self.lost_seconds = 0.0
        self._duration = duration
        self._clock = start  # what the next stamp should say
        self._shift = 0.0  # seconds added to stamps since the file's clock was last found restarted
        self._held: list[Frame] = []

    def place(self, frame: Frame) -> Iterator[Placed]:
        """Yield what is now sure of its place: none, one or more frames, in order."""
        self._held.append(frame)
        if len(self._held) == 1 and self._continues(frame):
            yield from self._release(1)
        elif len([held for held in self._held if held.time is not None]) >= 2 or len(self._held) >= _PATIENCE:
            yield from self._settle()

    def finish(self) -> Iterator[Placed]:
        """Yield what was held back."""
        yield from self._jump(self._implied())
        yield from self._release(len(self._held))

    def _continues(self, frame: Frame) -> bool:
        if frame.time is None:
            return False
        return abs(frame.time + self._shift - self.position) <= (_AFTER_LOSS if frame.lost else TOLERANCE)

    def _settle(self) -> Iterator[Placed]:
        """Believe two stamps that agree; else the first was wrong, and the last waits for a witness."""
        first, last = self._implied(), self._implied(last=True)
        if first is None or last is None:
            yield from self._release(len(self._held))
            return
        apart = last - first
        if abs(apart) <= TOLERANCE or (self._held[-1].lost and 0 < apart < _NEAR):
            yield from self._jump(first)
            yield from self._release(len(self._held) if abs(apart) <= TOLERANCE else len(self._held) - 1)
        else:
            yield from self._release(len(self._held) - 1)
        if self._held:
            yield from self.place(self._held.pop())

    def _implied(self, *, last: bool = False) -> float | None:
        """Return when the held frames begin by the first (or last) stamp among them."""
        found, before = None, 0.0
        for frame in self._held:
            if frame.time is not None and (found is None or last):
                found = frame.time - before
            before += frame.seconds
        return found

    def _jump(self, stamp: float | None) -> Iterator[Placed]:
        """Make what is held begin at `stamp`: after silence, without what was heard already, or just next."""
        if stamp is None or not self._held:
            return
        step = stamp - self._clock
        where = self._destination(stamp)
        self._shift = where - stamp
        ahead = where - self.position
        if ahead > _AFTER_LOSS:
            lost = any(frame.lost for frame in self._held)
            # Some decoders are silent for their first packets: nothing is missing there.
            known = self._held[0].pause or self.position == 0
            if abs(step) > _AFTER_LOSS if lost else abs(step) > TOLERANCE and not known:
                self.gaps += 1
                # What the file says is silent at its beginning is not lost, a clock running apart neither.
                self.lost_seconds += min(ahead, abs(step))
            self.position = where
            yield Placed(ahead, replace(self._held[0], samples=self._held[0].samples[:0]))
        elif ahead < -TOLERANCE:
            self._skip(-ahead)

    def _destination(self, stamp: float) -> float:
        """Return the second to which `stamp` points: never far back, nor absurdly far ahead."""
        followed = stamp + self._shift
        end = self.position + _UNKNOWN if self._duration is None else self._duration + _SLACK
        earliest = self.position - _OVERLAP
        if earliest <= followed <= min(end, self.position + _NEAR):
            return followed
        for candidate in (stamp, followed):
            if earliest <= candidate <= end:
                return candidate
        return self.position

    def _skip(self, seconds: float) -> None:
        """Drop the first `seconds` of what is held: it is there already."""
        kept = []
        for frame in self._held:
            cut = min(len(frame.samples), round(seconds * frame.rate))
            seconds -= cut / frame.rate
            kept.append(
                replace(
                    frame,
                    samples=frame.samples[cut:],
                    time=None if frame.time is None else frame.time + cut / frame.rate,
                )
            )
        self._held = kept

    def _release(self, count: int) -> Iterator[Placed]:
        """Yield the first `count` held frames, each right behind the one before."""
        released, self._held = self._held[:count], self._held[count:]
        for frame in released:
            if frame.time is not None:
                self._clock = frame.time
            self._clock += frame.seconds
            self.position += frame.seconds
            yield Placed(0.0, frame)
