"""`serve-translation`: the translation model stays loaded for whoever asks on this computer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.console import console
from cli.model_options import card_options, cpu_fallback_option, device_options
from cli.options import talk_options
from cli.parameters import Command, FloatRange, Maybe, section
from cli.settings import with_settings
from cli.translation_options import model_options

if TYPE_CHECKING:
    from bili2text.translators.engine import Translator

_server = section("Server")
_model = section("Model")


@click.command("serve-translation", cls=Command)
@with_settings
@_server(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    help="Listen on this port of 127.0.0.1, 0 for a free one. Default: a socket in the cache.",
)
@_server(
    "--ttl",
    type=FloatRange(min=0),
    default=900.0,
    show_default=True,
    metavar="S",
    help="Unload the model when nobody asked for so many seconds, until somebody does; 0 never does.",
)
@_server(
    "--token/--no-token",
    default=True,
    show_default=True,
    help="Ask for the token that is kept beside the address, so that no other user of this computer gets in.",
)
@model_options(short=True)
@_model("--threads", type=Maybe(click.IntRange(min=0)), metavar="N", help="CPU threads. Default: every core.")
@device_options
@cpu_fallback_option
@card_options
@talk_options
def command(**values: Any) -> None:  # noqa: ANN401 - one value for each option
    """Keep the translation model loaded, and answer in OpenAI's form until Ctrl-C.

    `translate` finds it by itself. Sentences that arrive together are computed together.

    \b
    bili2text serve-translation
    bili2text serve-translation --port 8765 --ttl 0 --model-path models/Qwen3-4B
    """
    from bili2text.errors import OutOfMemory
    from bili2text.paths import cache_dir
    from bili2text.serving.server import serve
    from bili2text.serving.values import About, Limits, Served
    from bili2text.settings import environment
    from bili2text.translate.records import Pin
    from bili2text.translation_request import TranslationRequest
    from bili2text.translator_loading import TranslatorLoader
    from cli.translation_request import translator_wishes

    progress = console(values["progress"], quiet=values["quiet"])
    environ = environment()
    request = TranslationRequest(
        "en", wishes=translator_wishes(values), models_dir=values["translate_models_dir"]
    )
    loader = TranslatorLoader(request, progress, environ)
    plan = loader.check()
    pin: Pin | None = None

    def loaded() -> Translator:
        """Load what was loaded the last time, as it was if there is room for that now."""
        nonlocal pin
        loader.close()
        loader.begin(pin)
        if pin and loader.pin.model != pin.model:
            loader.close()
            raise OutOfMemory(f"there is no room for {pin.model} now")
        pin = loader.pin
        return loader.translator

    def about() -> About:
        return About(loader.pin, loader.profile, loader.ways)

    served = Served(plan.model.name, values["port"], guarded=values["token"])
    limits = Limits(ttl=values["ttl"])
    serve(cache_dir(environ), loaded, served, limits, progress, about)
