"""`translate --compare A B`: one file by two models, then shown blind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bili2text.errors import UsageError
from cli.console import console
from cli.translation_options import WORKSHOP, refuse

if TYPE_CHECKING:
    from bili2text.translation_request import TranslationRequest


_OWN = ("reference", "votes", "voter", "page")
_NOT_OURS = (
    "output_dir", "output_format", "layout", "skip", "translate_line_width", "translate_line_count",
    "translate_model_path", "api_model",
)  # fmt: skip


def check_options(values: dict[str, Any]) -> None:
    """Raise UsageError for an option that says nothing with --compare, or nothing without it."""
    if values["compare"]:
        hint = "a comparison has two models, and writes one page: --page FILE"
        refuse(_NOT_OURS, "with --compare", hint=hint)
        if values["translate_engine"].startswith(WORKSHOP):
            raise UsageError(
                f"--engine {WORKSHOP}RUN says nothing with --compare", hint=f"--compare {WORKSHOP}RUN OTHER"
            )
    else:
        refuse(_OWN, "without --compare", hint="add --compare A B, or leave it out")


def compare(values: dict[str, Any]) -> None:
    """Translate the one file by both models, ask which is better, and print what came of it.

    Raises UsageError for a model there is not, and what translating raises.
    """
    from bili2text.captions.read import read
    from bili2text.paths import cache_dir
    from bili2text.settings import environment
    from bili2text.translation_contest import contest
    from cli.comparing import Comparing
    from cli.comparing import compare as shown
    from cli.translate import wanted

    if len(values["files"]) != 1:
        raise UsageError("--compare takes one FILE", hint="translate talk.srt --to zh --compare A B")
    path: Path = values["files"][0]
    request = wanted(values)
    environ = environment()
    progress = console(values["progress"], quiet=values["quiet"])
    captions = read(path)
    sides = tuple(_with(request, name, values) for name in values["compare"])
    found = contest(path.name, captions, (sides[0], sides[1]), progress, environ)
    ways = Comparing(
        len(captions.lines),
        reference=values["reference"],
        voter=values["voter"] or "",
        votes=(values["votes"],) if values["votes"] else (),
        page=values["page"],
        as_json=values["as_json"],
        overwrite=values["overwrite"],
    )
    shown(found, cache_dir(environ), ways)


def _with(request: TranslationRequest, name: str, values: dict[str, Any]) -> TranslationRequest:
    """Return the request for one of the two: a folder, a model that is found, or one of the server's."""
    from bili2text.settings import environment
    from bili2text.translators import folders
    from cli.translation_request import model_folder, workshop_folder

    if name.startswith(WORKSHOP):
        return replace(
            request, endpoint=None, wishes=replace(request.wishes, model_path=workshop_folder(name))
        )
    if request.endpoint is not None:
        return replace(request, endpoint=replace(request.endpoint, model=name))
    path = Path(name).expanduser()
    if not path.is_dir():
        known = folders.shelf(values["translate_models_dir"], environment()).models
        same = [model.path for model in known if model.name == name]
        if not same:
            there = ", ".join(sorted({model.name for model in known})) or "none"
            raise UsageError(f"no model {name}", hint=f"a folder, or one of those found: {there}")
        path = same[0]
    return replace(request, wishes=replace(request.wishes, model_path=model_folder(path)))
