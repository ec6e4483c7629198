"""`workshop plan`: what a training takes, before it is begun."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cli.parameters import Command, section

if TYPE_CHECKING:
    from bili2text.workshop.costs.plan import Plan

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
@_option("--preset", metavar="NAME|FILE", help="rtx4080s (the default), original, student, or a .toml file.")
@_option("--model", metavar="ID|STUDENT|FOLDER", help="Another model than the preset's.")
@_option("--card", help='"16GB", or a card\'s name: "RTX 4090", "RTX 4080S, 16 GB".')
@_option(
    "--pairs", type=_Count(), metavar="N", help="How many pairs, like 5.5M. Default: as the preset says."
)
@_option(
    "--mean-tokens",
    type=click.FloatRange(1, 1_000),
    default=35.0,
    show_default=True,
    help="Of a side, on average.",
)
@_option("--tflops", type=click.FloatRange(0.1), help="The card's dense 16-bit peak, where it is not known.")
@_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
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
    from bili2text.workshop.costs.planning import measured
    from bili2text.workshop.presets import DEFAULT, changed, preset

    wanted = preset(values["preset"] or DEFAULT)
    wanted = changed(wanted, "model", id=values["model"])
    card = card_of(values["card"] or _CARDS.get(wanted.name, USUAL), values["tflops"])
    return plan(PlanRequest(wanted, card, values["pairs"], values["mean_tokens"]), measured)
