"""`workshop plan`: what a training takes, before it is begun."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cli.console import MODES, console
from cli.parameters import Command, FloatRange, section

if TYPE_CHECKING:
    from bili2text.workshop.costs.plan import Plan
    from bili2text.workshop.values import Preset

_option = section("Plan")
_COUNTS = {"k": 1_000, "m": 1_000_000}
_CARDS = {"original": "A100"}  # for presets that were made for another card than the usual one


class _Count(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since click 8.5
    name = "count"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return a number of pairs: of 5500000, "5.5M", "300k"."""
        text = str(value).strip().lower().replace(",", "").replace("_", "")
        try:
            number = round(float(text.rstrip("km")) * _COUNTS.get(text[-1:], 1))
        except (ValueError, OverflowError):
            number = 0
        if number < 1:
            self.fail(f"{value!r} is no number of pairs: write it like 5500000 or 5.5M", param, ctx)
        return number


@click.command("plan", cls=Command)
@_option(
    "--preset",
    metavar="NAME|FILE",
    help="rtx4080s, original, student, or a .toml file. Default: rtx4080s, or student for a student.",
)
@_option("--model", metavar="ID|STUDENT|FOLDER", help="Another model than the preset's.")
@_option("--card", help='"16GB", or a card\'s name: "RTX 4090", "RTX 4080S, 16 GB".')
@_option(
    "--pairs", type=_Count(), metavar="N", help="How many pairs, like 5.5M. Default: as the preset says."
)
@_option(
    "--mean-tokens",
    type=FloatRange(1, 1_000),
    default=35.0,
    show_default=True,
    help="Of a side, on average.",
)
@_option("--tflops", type=FloatRange(0.1), help="The card's dense 16-bit peak, where it is not known.")
@_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_option("--progress", type=click.Choice(MODES), default="auto", help="How to show progress.")
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Show what a training takes: memory by sentence length, steps, hours, disk; and the guide's claims.

    No card is needed, and no model is downloaded. What cannot fit is refused, with what to change.

    \b
    bili2text workshop plan --preset rtx4080s --card 16GB
    bili2text workshop plan --preset student --model qwen-512 --pairs 13M
    """
    from bili2text.workshop.costs import plan_text

    plan = _plan(values)
    if values["as_json"]:
        click.echo(json.dumps(plan_text.values(plan), ensure_ascii=False))
    else:
        click.echo(plan_text.text(plan), nl=False)


def _plan(values: dict[str, Any]) -> Plan:
    from bili2text.workshop.costs.cards import USUAL, card_of
    from bili2text.workshop.costs.plan import PlanRequest, plan
    from bili2text.workshop.costs.planning import measuring
    from bili2text.workshop.presets import preset, usual

    found = preset(values["preset"] or usual(values["model"]))
    wanted = _of_model(found, values["model"])
    card = card_of(values["card"] or _CARDS.get(wanted.name, USUAL), values["tflops"])
    with console(values["progress"]).stage("trying steps", None, "lengths") as stage:
        return plan(PlanRequest(wanted, card, values["pairs"], values["mean_tokens"]), measuring(stage))


def _of_model(found: Preset, model: str | None) -> Preset:
    """Return a preset for another model; its guide's claims are for its own one, or for all students."""
    from dataclasses import replace

    from bili2text.workshop.presets import changed
    from bili2text.workshop.students import STUDENTS
    from bili2text.workshop.values import Claims

    own = found.model.id
    if model in (None, own):
        return found
    claims = found.claims if {own, model} <= STUDENTS.keys() else Claims()
    return replace(changed(found, "model", id=model), claims=claims)
