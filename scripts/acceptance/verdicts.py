"""What a race with faster-whisper shows: medians, their ratio, and whether that is enough. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from acceptance.values import Check, Json

ROUNDS = 3
EQUAL = 1.0
OVERLAP = 1.2  # where a second batch can be encoded while the first is decoded
GUIDES_CARD = "RTX 4060"
# Seconds of sound a second that the guide gives for an RTX 4060; it says nothing of precision and batch.
FLOORS = {"tiny": 50.0, "small": 25.0, "medium": 15.0, "large-v3": 10.0}


@dataclass(frozen=True, slots=True)
class Lap:
    """One run through the recording."""

    seconds: float
    sound: float  # seconds of the recording
    windows: int | None = None  # None: not told
    tokens: int | None = None  # None: not told
    words: int = 0

    @classmethod
    def told(cls, turn: Json) -> Lap:
        """Return what a child said of a turn."""
        return cls(
            turn["seconds"], turn["seconds_of_sound"], turn.get("windows"), turn.get("tokens"), turn["words"]
        )


@dataclass(frozen=True, slots=True)
class Race:
    """All laps of both sides in one setting."""

    model: str
    setting: str  # precision and batch, in words
    batch: int  # windows
    forced: int  # tokens decoded for each window by both sides; 0: as many as the model says
    ours: tuple[Lap, ...]
    theirs: tuple[Lap, ...]
    wrong: str = ""  # what broke

    @property
    def rounds(self) -> int:
        """How often both sides ran."""
        return min(len(self.ours), len(self.theirs))

    @property
    def speeds(self) -> tuple[float | None, float | None]:
        """Seconds of sound for a second of work, ours and theirs, at the median; None: not measured."""
        first, second = (
            median(lap.sound / lap.seconds for lap in laps) if laps else None
            for laps in (self.ours, self.theirs)
        )
        return first, second

    @property
    def ratio(self) -> float | None:
        """How many times as fast as theirs ours is; None where either was not measured."""
        ours, theirs = self.speeds
        return None if ours is None or theirs is None else ours / theirs

    @property
    def uneven(self) -> str:
        """Why the two did not decode the same, where they were to; else ""."""
        if not self.forced:
            return ""
        for ours, theirs in zip(self.ours, self.theirs, strict=False):
            if ours.windows != theirs.windows:
                return f"{ours.windows} windows against {theirs.windows}"
            if theirs.tokens is not None and theirs.tokens != self.forced * (theirs.windows or 0):
                return f"theirs decoded {theirs.tokens} tokens in {theirs.windows} windows"
        return ""

    @property
    def can_overlap(self) -> bool:
        """Whether there is a second batch to encode while the first is decoded."""
        return any(lap.windows is not None and lap.windows > self.batch for lap in self.ours)

    def figures(self) -> Json:
        """Return what is written down."""
        ours, theirs = self.speeds
        return {
            "rounds": self.rounds,
            "seconds_of_sound": self.ours[0].sound if self.ours else None,
            "windows": self.ours[0].windows if self.ours else None,
            "ours_seconds": [lap.seconds for lap in self.ours],
            "theirs_seconds": [lap.seconds for lap in self.theirs],
            "ours_words": self.ours[0].words if self.ours and not self.forced else None,
            "theirs_words": self.theirs[0].words if self.theirs and not self.forced else None,
            "ours_speed": _rounded(ours),
            "theirs_speed": _rounded(theirs),
            "ratio": _rounded(self.ratio),
            "uneven": self.uneven,
            "wrong": self.wrong,
        }


def judged(race: Race) -> Iterator[Check]:
    """Yield whether ours is as fast as theirs, and faster where one batch can hide behind another.

    Fewer than ROUNDS rounds, or two sides that did not decode the same, tell nothing.
    """
    label = f"{race.model} in {race.setting}"
    if race.wrong:
        yield Check(f"{label}: both sides run", held=False, figure=race.wrong)
    wanted = [("at least as fast as faster-whisper's batched pipeline", EQUAL)]
    if race.can_overlap:
        wanted.append((f"{OVERLAP} times as fast, as decoding and encoding can overlap", OVERLAP))
    for what, least in wanted:
        yield _compared(race, f"{label}: {what}", least)


def _compared(race: Race, what: str, least: float) -> Check:
    ratio, (ours, theirs) = race.ratio, race.speeds
    if ratio is None:
        return Check(what, None, "not measured")
    figure = f"{ratio:.2f} times ({ours:.1f}x and {theirs:.1f}x realtime)"
    if race.uneven:
        return Check(what, None, f"{figure}, but {race.uneven}")
    if race.rounds < ROUNDS:
        return Check(what, None, f"{figure} in no more than {race.rounds} of {ROUNDS} rounds")
    return Check(what, ratio >= least, figure)


def floors(races: Sequence[Race], card: str, wanted: Mapping[str, float] = FLOORS) -> Iterator[Check]:
    """Yield whether the fastest setting of each model is as fast as the guide says.

    The guide's figures are of an RTX 4060: on any other card they are told, and nothing is asserted.
    """
    same = card.endswith(GUIDES_CARD)  # a 4060 Ti and one in a laptop are other cards
    for model, least in wanted.items():
        what = f"{model}: the guide's {least:g}x realtime of an {GUIDES_CARD}"
        whole = [
            race for race in races if race.model == model and len(race.ours) >= ROUNDS and not race.uneven
        ]
        timed = [(race.speeds[0] or 0.0, race.setting) for race in whole]
        if not timed:
            yield Check(what, None, "not measured")
            continue
        fastest, setting = max(timed)
        said = "met" if fastest >= least else "not met"
        figure = f"{said} by this {card}: {fastest:.1f}x, {setting}"
        yield Check(what, fastest >= least if same else None, figure)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
