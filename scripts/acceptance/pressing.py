"""Section `pressure`: a neighbour takes the rest of the card in the middle of a run; the run must go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from acceptance.ballast import NEAR, Ballast, fill, settled
from acceptance.bench import Bench
from acceptance.children import Ended
from acceptance.values import Check, Deadline, Found, Json, Row
from bili2text.plan.footprint import Setting

START_MIB = 3072  # free when the run begins
LEFT_MIB = 64  # free after the neighbour grew
# so small a batch that the recording is several: the neighbour must come before the last
_SETTING = Setting("auto", batch_size=2)
_END_SECONDS = 5.0  # by which two plans may differ in when they hear the last word


def pressure(bench: Bench, deadline: Deadline) -> Iterator[Found]:
    """Run the program undisturbed, then with a neighbour that grows after its first chunk, and compare."""
    folder, _ = bench.models.folder("base")
    task = bench.task(folder, _SETTING)
    with bench.ballast() as held:
        free = fill(held, bench.free_now, START_MIB)
        quiet = bench.run("pressure_child", task, deadline.left / 2, answer=go_on)
        yield Row({"run": "undisturbed", "free_mib": free, **_row(quiet)})
        settled(bench.free_now, (free or 0) - NEAR)
        fill(held, bench.free_now, START_MIB)
        grown: list[int | None] = []
        pressed = bench.run("pressure_child", task, deadline.left, answer=grow(bench, held, grown))
        yield Row({"run": "pressed", "left_mib": grown[0] if grown else None, **_row(pressed)})
    yield from judged(quiet, pressed, bool(grown))


def judged(quiet: Ended, pressed: Ended, grew: bool) -> Iterator[Check]:
    """Yield what must hold: both runs end well, the pressed one by a lesser plan, and nothing is lost."""
    for name, ended in (("the undisturbed run", quiet), ("the pressed run", pressed)):
        held = None if ended.cut else not ended.wrong
        yield Check(f"{name} goes to its end", held, ended.wrong or ended.said.get("way", ended.how))
    if quiet.wrong or pressed.wrong or quiet.cut or pressed.cut:
        return
    if not grew:
        yield Check("a neighbour grew in mid-run", held=False, figure="no chunk was ever reported")
        return
    steps = pressed.said.get("steps", [])
    what = "the pressed run stepped down and went on"
    # with memory to spare in its pool a run may do without more; then nothing was tried
    yield Check(what, True if steps else None, "; ".join(steps) or "it never ran out of memory")
    apart = abs(quiet.said["ends_at"] - pressed.said["ends_at"])
    yield Check("no speech is lost at the end", apart <= _END_SECONDS, f"{apart:.1f} s apart")


def go_on(said: Json) -> str | None:
    """Answer a child that halts: nothing happens meanwhile."""
    return "go on" if "halted" in said else None


def grow(bench: Bench, held: Ballast, grown: list[int | None]) -> Callable[[Json], str | None]:
    """Return the answer to a child that halts: a neighbour has taken the rest; `grown` says what is left."""

    def answer(said: Json) -> str | None:
        if "halted" not in said:
            return None
        grown.append(fill(held, bench.free_now, LEFT_MIB))
        return "go on"

    return answer


def _row(ended: Ended) -> Json:
    kept = {name: ended.said.get(name) for name in ("way", "steps", "warnings", "ends_at", "memory")}
    return {**kept, "words": len(ended.said.get("text", "").split()), "cut": ended.cut, "wrong": ended.wrong}
