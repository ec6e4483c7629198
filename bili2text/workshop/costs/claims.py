"""What the guides claim, beside what is computed: a verdict for each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from bili2text.workshop.costs.arithmetic import Work, hours, k_for, label_bytes, needed_tflops, told_hours
from bili2text.workshop.costs.cards import OVERHEAD_GIB, Card
from bili2text.workshop.costs.shapes import Shape
from bili2text.workshop.students import STUDENTS
from bili2text.workshop.values import Claims

NOT_COMPUTED = "nothing to compute: `workshop evaluate` measures it"
HOLDS, FAILS = "holds", "does not hold"

# The guide to the student: its size, the bytes of its labels, and how long a sample is
GUIDE_WIDTH, GUIDE_PARAMETERS_M, GUIDE_FILE_MB, GUIDE_INT8_MB = 512, 43.0, 180.0, (90.0, 100.0)
GUIDE_LABELS_GB, GUIDE_SAMPLES, GUIDE_POSITIONS, GUIDE_ALL_SAMPLES = 3.6, 100_000, 64, 26_000_000
_ENTRY = 6  # bytes of a token as int32 and its logit as float16


@dataclass(frozen=True, slots=True)
class Row:
    """Memory by length, GiB, without what the context takes."""

    tokens: int  # of either side
    ours: float  # with the loss the preset names
    stock: float  # with transformers' own


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim, and what became of it."""

    what: str
    claimed: str
    computed: str
    verdict: str


def of_preset(
    claims: Claims, shape: Shape, rows: tuple[Row, ...], work: Work, ways: int, card: Card
) -> list[Claim]:
    """Return the claims of a preset's guide, each with its verdict."""
    found = []
    if claims.parameters_m:
        found.append(_parameters(claims.parameters_m, shape))
    if claims.vram_gib:
        found.append(_memory(claims.vram_gib, rows))
    if claims.hours:
        found.append(_hours(claims.hours, work, ways, card))
    if claims.bleu:
        low, high = claims.bleu
        said = f"over {low:.0f}" if high >= 100 else f"{low:.0f}-{high:.0f}"
        found.append(Claim("BLEU, no test set named", said, "-", NOT_COMPUTED))
    return found


def of_student() -> list[Claim]:
    """Return the claims of the guide to students that arithmetic can judge."""
    shape = STUDENTS["qwen-512"]
    millions, megabytes = shape.parameters / 1e6, [shape.parameters * size / 1e6 for size in (4, 2, 1)]
    entries = k_for(GUIDE_LABELS_GB * 1e9 / GUIDE_SAMPLES, GUIDE_POSITIONS, _ENTRY)
    ours = label_bytes(16, shape.vocab, GUIDE_POSITIONS) * GUIDE_SAMPLES / 1e9
    return [
        Claim(
            f"parameters at d_model {GUIDE_WIDTH}, 151,936 tokens",
            f"{GUIDE_PARAMETERS_M:.0f}M",
            f"{millions:.1f}M, {shape.embedding / 1e6:.1f}M of it the embedding",
            f"{FAILS}: the embedding alone is more",
        ),
        Claim(
            "file, before and after int8",
            f"{GUIDE_FILE_MB:.0f} MB -> {GUIDE_INT8_MB[0]:.0f}-{GUIDE_INT8_MB[1]:.0f} MB",
            "float32 {:.0f}, float16 {:.0f}, int8 {:.0f} MB".format(*megabytes),
            f"{HOLDS} for int8; 180 MB is less than float16",
        ),
        Claim(
            "labels of 100,000 samples",
            f"{GUIDE_LABELS_GB} GB",
            f"{entries} tokens a position, at {_ENTRY} bytes each and {GUIDE_POSITIONS} positions; "
            f"16 tokens a position are {ours:.2f} GB",
            f"{HOLDS} for about 100 tokens a position",
        ),
    ]


def _parameters(claimed: float, shape: Shape) -> Claim:
    millions = shape.parameters / 1e6
    good = abs(millions - claimed) <= 0.1 * claimed
    return Claim("parameters", f"{claimed:.0f}M", f"{millions:.1f}M", HOLDS if good else FAILS)


def _memory(claimed: tuple[float, float], rows: tuple[Row, ...]) -> Claim:
    low, high = claimed
    tokens, stock, ours = rows[-1].tokens, rows[-1].stock + OVERHEAD_GIB, rows[-1].ours + OVERHEAD_GIB
    shown = f"transformers' loss {stock:.1f}, this preset's {ours:.1f} GiB at {tokens} tokens"
    if low <= stock <= high:
        verdict = HOLDS
    elif stock < low:
        verdict = f"{FAILS}: it takes less"
    else:
        until = _longest(rows, high - OVERHEAD_GIB)
        where = f"beyond {until} tokens" if until else "at any length"
        verdict = f"{FAILS} with transformers' loss {where}"
        if ours < stock:
            verdict += f"; with the loss in chunks it takes {_beside(ours, low, high)}"
    return Claim("peak memory", f"{low:.0f}-{high:.0f} GiB", shown, verdict)


def _longest(rows: tuple[Row, ...], room: float) -> int:
    """Return how many tokens fit into so many GiB with transformers' loss, on the line between two rows."""
    if rows[0].stock > room:
        return 0
    below, above = next((one, other) for one, other in pairwise(rows) if one.stock <= room < other.stock)
    share = (room - below.stock) / (above.stock - below.stock)
    return int(below.tokens + share * (above.tokens - below.tokens))


def _beside(found: float, low: float, high: float) -> str:
    return "less" if found < low else "as much" if found <= high else "more"


def _hours(claimed: tuple[float, float], work: Work, ways: int, card: Card) -> Claim:
    """Judge by every pair in one direction: the guide does not say that both are learned."""
    low, high = claimed
    fewest, most = hours(work.flops / ways, card.peak)
    needed = needed_tflops(work.flops / ways, high)
    shown = (
        f"{told_hours(fewest)} to {told_hours(most)} in one direction; "
        f"{high:g} h are {_told_tflops(needed)} TFLOPS truly reached"
    )
    if fewest > high:
        verdict = f"{FAILS}: {fewest / high:.1f} to {most / low:.1f} times too short"
    elif most < low:
        verdict = f"{FAILS}: {low / most:.0f} to {high / fewest:.0f} times too long"
    else:
        verdict = f"{HOLDS}, if the card reaches so much"
    return Claim("time", f"{low:g}-{high:g} h", shown, verdict)


def _told_tflops(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"
