"""`plan`: what would run here now, or on a card you do not have, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cli.model_options import (
    card_options,
    cpu_fallback_option,
    device_options,
    model_options,
    planning_options,
)
from cli.options import talk_options
from cli.parameters import Command, section
from cli.settings import with_settings
from cli.telling_options import telling_options

if TYPE_CHECKING:
    from bili2text.plan.values import Machine, Plan, Wishes

_option = section("Plan")


@click.command("plan", cls=Command)
@with_settings
@_option(
    "--simulate",
    metavar="CARD",
    help='Answer for a card you do not have: "RTX 4060, 8 GB, 7.1 free". All models count as on its disk.',
)
@_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@model_options
@device_options
@cpu_fallback_option
@card_options
@planning_options
@telling_options
@talk_options
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Show what would run now: every candidate, what it needs, what is free, why it is taken or not.

    No model is loaded, and none downloaded.

    \b
    bili2text plan
    bili2text plan --language en --prefer speed
    bili2text plan --simulate "RTX 4060, 8 GB, 7.1 free"
    bili2text plan --simulate "GTX 1660 Ti, desktop" --task translate
    """
    from bili2text.plan import explain
    from cli.request import planned

    plan = _plan(planned(values), values)
    if values["as_json"]:
        click.echo(json.dumps(explain.values(plan)))
    else:
        click.echo(explain.text(plan), nl=False)


def _plan(wished: Wishes, values: dict[str, Any]) -> Plan:
    from bili2text.models import hub
    from bili2text.models.catalog import CARDS
    from bili2text.models.store import Places
    from bili2text.paths import cache_dir
    from bili2text.plan.choose import choose
    from bili2text.plan.stock import stock
    from bili2text.plan.values import Stock
    from bili2text.settings import environment
    from cli.console import console

    environ = environment()
    progress = console(values["progress"], quiet=values["quiet"])
    if values["simulate"] is not None:
        machine = _simulated(values["simulate"])
        named = stock(
            wished, Places(cache_dir(environ), values["model_dir"], environ), progress, may_download=True
        )
        return choose(wished, machine, Stock((*CARDS, *named.on_disk), True, named.named))
    from bili2text.plan.machine import this_machine

    options = hub.Options(offline=values["offline"], environ=environ)
    places = Places(cache_dir(environ), values["model_dir"], environ)
    there = stock(wished, places, progress, may_download=not hub.is_offline(options))
    return choose(wished, this_machine(wished, environ), there)


def _simulated(text: str) -> Machine:
    """Return this computer with another card in it."""
    from importlib.metadata import version

    from bili2text.gpu.device import Cards
    from bili2text.gpu.known import simulated
    from bili2text.plan.machine import cores, free_ram_gib
    from bili2text.plan.values import Machine

    return Machine(Cards((simulated(text),)), free_ram_gib(), cores(), library=version("ctranslate2"))
