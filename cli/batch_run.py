"""From the values of `batch` to a list being worked through, and what is said of it."""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click
from click.core import ParameterSource

from bili2text.errors import UsageError
from bili2text.files import clean_text
from cli import batch_ray
from cli.batch_show import entry_json, print_table
from cli.console import console
from cli.transcribing import listed, write
from cli.translation_options import refuse_alone

if TYPE_CHECKING:
    from bili2text.cluster.drive import ClusterBatch
    from bili2text.lists.manifest import Manifest
    from bili2text.lists.run import Batch, Told
    from bili2text.progress import Progress

# What changes nothing about what is written: the same list goes on with other values of these.
_ASIDE = {
    "sources", "urls", "batch_file", "name", "listed", "watch", "watch_every", "max_downloads", "again",
    "again_after", "refusals", "progress", "quiet", "as_json", "explain", "cookies", "proxy",
    "cookies_from_browser", "limit_rate", "retries", "refresh", "fresh", "overwrite", "skip", "threads",
    "min_coverage", "offline", "hub", "retry_failed", "enable_monitoring",
    "ray", "shard", "fetchers",
}  # fmt: skip


def run_list(values: dict[str, Any]) -> int:
    """Work through a list, print what is written and a table at the end; return the exit code.

    Raises UsageError for options that contradict each other, and what the work cannot begin without.
    """
    from bili2text.lists.manifest import Manifest
    from bili2text.lists.shelf import Shelf, default_name
    from bili2text.lists.values import exit_code
    from bili2text.paths import cache_dir
    from bili2text.settings import environment

    values = {**values, "playlist_items": _parts(values)}
    if values["output_dir"] == "-":
        raise UsageError("a list has no place on standard output", hint="use a folder with -o")
    sources = () if values["listed"] else _sources(values)
    mark = _mark(values)
    watched = [str(values["watch"].absolute())] if values["watch"] else []
    if not values["name"] and not sources and not watched:
        raise UsageError("no source was given", hint="name links or files, or a list of them: -a FILE")
    refuse_alone(values)
    name = values["name"] or default_name((*sources, *watched), mark)
    name = batch_ray.named(name, values)
    folder = Shelf(cache_dir(environment())).folder(name)
    if not sources and not watched and not folder.is_dir():
        raise UsageError(f"no list is called {name!r}", hint="name its sources, too")
    progress = console(values["progress"], quiet=values["quiet"])
    with Manifest.open(folder) as manifest:
        _begin(manifest, values, mark, progress)
        with closing(_batch(values, manifest, progress)) as batch:
            if values["shard"]:
                batch_ray.add_part(values, manifest, sources, progress)
            else:
                batch.add(sources)
            batch.check()
            _work(batch, values)
        print_table(manifest.name, manifest.entries, as_json=values["as_json"])
        return exit_code(manifest.entries)


def _parts(values: dict[str, Any]) -> str | None:
    """Return the chosen items of a list as yt-dlp writes them; None for all."""
    from bili2text.source.parameters import playlist_slices

    parts: str | None = values["parts"]
    if parts and values["playlist_items"]:
        raise UsageError("--parts and --playlist-items say the same", hint="use one of them")
    chosen = values["playlist_items"] if parts is None else parts.strip()
    chosen = None if chosen and chosen.lower() == "all" else chosen
    playlist_slices(chosen)
    return chosen


def _sources(values: dict[str, Any]) -> tuple[str, ...]:
    from bili2text.lists.expand import remembered

    return tuple(
        remembered(text) for text in (*values["sources"], *values["urls"], *listed(values["batch_file"]))
    )


def _mark(values: dict[str, Any]) -> str:
    """Return a mark of the options that decide what is written and where.

    Only what somebody asked for counts, so that an option added by a later version changes no mark.
    """
    from bili2text.jobs.lines import canonical

    context = click.get_current_context()
    said = {
        name: str(value)
        for name, value in values.items()
        if name not in _ASIDE and context.get_parameter_source(name) is not ParameterSource.DEFAULT
    }
    folder = values["output_dir"]
    where = folder if folder == "source" or "://" in folder else str(Path(folder).expanduser().absolute())
    return hashlib.sha256(canonical({**said, "output_dir": where}).encode("ascii")).hexdigest()[:16]


def _begin(manifest: Manifest, values: dict[str, Any], mark: str, progress: Progress) -> None:
    from bili2text.jobs.command import without_secrets
    from bili2text.lists.again import begin_anew
    from bili2text.lists.values import Asked
    from cli.words import spelled_out

    if manifest.discarded:
        progress.warn(manifest.discarded)
    before = manifest.asked
    other = before is not None and before.mark != mark
    if other:
        progress.warn(f"the list {manifest.name} was made with other options: all of it is looked at again")
    if other or values["fresh"]:
        begin_anew(manifest)
    words = spelled_out(tuple(sys.argv[1:]), click.get_current_context())
    command = without_secrets(words)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    manifest.ask(Asked(mark, command, str(Path.cwd()), command != words, now))
    progress.note(f"list {manifest.name}: {len(manifest.entries)} entries known")


def _batch(values: dict[str, Any], manifest: Manifest, progress: Progress) -> Batch | ClusterBatch:
    from bili2text.lists.rules import Rules
    from bili2text.lists.run import Batch
    from bili2text.settings import environment
    from bili2text.translation_request import TranslationOutput
    from cli.request import request
    from cli.translation_request import translation_request

    rules = Rules(
        again=values["again"],
        pause=values["again_after"],
        refusals=values["refusals"],
        max_downloads=values["max_downloads"],
        min_coverage=values["min_coverage"],
        numbered=values["numbered"],
    )
    if values["ray"]:
        return batch_ray.cluster_batch(values, manifest, rules, progress)
    wanted = None
    if values["translate"]:
        formats = values["output_format"]
        output = TranslationOutput("source", formats, values["overwrite"], values["skip"])
        wanted = translation_request(values, output)
    return Batch(request(values, ()), manifest, rules, progress, environment(), wanted)


def _work(batch: Batch | ClusterBatch, values: dict[str, Any]) -> None:
    if values["ray"]:
        batch_ray.work(cast("ClusterBatch", batch), as_json=values["as_json"])
        return
    from bili2text.lists.watch import Watched

    watched = Watched(values["watch"], values["watch_every"]) if values["watch"] else None
    with closing(cast("Batch", batch).run(watched)) as work:
        for told in work:
            _report(told, as_json=values["as_json"])


def _report(told: Told, *, as_json: bool) -> None:
    entry, came = told
    paths = [str(path) for path in getattr(came, "paths", ())]
    if as_json:
        write(json.dumps({**entry_json(entry), "files": paths}, ensure_ascii=False) + "\n")
        return
    write("".join(f"{path}\n" for path in paths))
    if entry.why and entry.state != "done":
        said = "put off" if entry.state == "waiting" else entry.state
        click.echo(clean_text(f"{said}: {entry.name}: {entry.why}"), err=True)
