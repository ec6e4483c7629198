"""`translate --check`: what would translate, and why; where nothing can, what is wanting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from bili2text.errors import Bili2TextError, ModelError
from cli.console import console
from cli.translation_options import refuse

if TYPE_CHECKING:
    from bili2text.plan.values import Machine
    from bili2text.translation_request import TranslationRequest
    from bili2text.translator_endpoint import EndpointHolder
    from bili2text.translators.explain import Checked
    from bili2text.translators.folders import Shelf


_OF_FILES = (
    "output_dir", "output_format", "layout", "translate_line_width", "translate_line_count", "overwrite",
    "skip", "fresh", "retry_failed",
)  # fmt: skip


def check(values: dict[str, Any]) -> None:
    """Print the card, the models and the choice, or the server that would translate.

    Raises what stands in the way of a choice once all else is printed, and UsageError before.
    """
    from bili2text.plan.machine import this_machine
    from bili2text.plan.values import Wishes
    from bili2text.settings import environment
    from bili2text.translation_request import TranslationOutput
    from bili2text.translator_endpoint import endpoint
    from bili2text.translators import explain
    from cli.translation_request import translation_request

    refuse(_OF_FILES, "with --check", hint="it translates nothing: leave that out")
    environ = environment()
    request = translation_request({**values, "translate": values["translate"] or "en"}, TranslationOutput())
    machine = this_machine(Wishes(device=request.wishes.device), environ)
    there = endpoint(request, environ, console(values["progress"], quiet=values["quiet"]))
    found = _of_plan(request, machine, environ) if there is None else _of_server(there, machine)
    if values["as_json"]:
        click.echo(json.dumps(explain.check_json(found), ensure_ascii=False))
    else:
        click.echo("\n".join(explain.check_lines(found)))
    if found.error is not None:
        raise found.error


def _of_plan(request: TranslationRequest, machine: Machine, environ: Mapping[str, str]) -> Checked:
    from bili2text.translators.choose import choose, overview
    from bili2text.translators.explain import Checked
    from bili2text.translators.float8 import float8
    from bili2text.translators.gpu_memory import memory_of
    from bili2text.translators.select import runtime

    shelf, error = _shelf(request, environ)
    found = Checked(memory_of(machine.cards), faults=shelf.faults)
    able, known = float8(environ), runtime(environ)
    try:
        if error is not None:
            raise error
        plan = choose(request.wishes, machine, shelf.models, able, known)
    except Bili2TextError as why:
        walk = overview(request.wishes, machine, shelf.models, able, known)
        return replace(found, walk=walk, error=why)
    return replace(found, walk=plan.walk, plan=plan)


def _shelf(request: TranslationRequest, environ: Mapping[str, str]) -> tuple[Shelf, ModelError | None]:
    """Return the models to choose among, and what is wrong with the folder that was named."""
    from bili2text.translators import folders

    try:
        if request.wishes.model_path is not None:
            return folders.Shelf((folders.look(request.wishes.model_path),)), None
        return folders.shelf(request.models_dir, environ), None
    except ModelError as error:
        return folders.Shelf(()), error


def _of_server(there: EndpointHolder, machine: Machine) -> Checked:
    from bili2text.translator_endpoint import ResidentHolder
    from bili2text.translators.explain import Checked, Server
    from bili2text.translators.gpu_memory import memory_of

    found = Checked(memory_of(machine.cards))
    try:
        there.check()
        pin = there.pin
    except Bili2TextError as error:
        return replace(found, error=error)
    finally:
        there.close()
    asked = (
        "serve-translation keeps it loaded"
        if isinstance(there, ResidentHolder)
        else "--api-base names it: none is loaded here"
    )
    server = Server(pin.model, there.url, pin.engine, pin.precision, pin.batch_size, pin.device_name, asked)
    return replace(found, server=server)
