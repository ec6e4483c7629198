"""What `batch --ray` and `batch --shard` add to a list: a cluster that works at it, or a part of it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from bili2text.errors import UsageError
from bili2text.files import clean_text
from cli.batch_show import entry_json
from cli.parameters import all_of
from cli.transcribing import write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bili2text.cluster.drive import ClusterBatch
    from bili2text.lists.manifest import Manifest
    from bili2text.lists.rules import Rules
    from bili2text.progress import Progress

# of these options: they change nothing about what is written
ASIDE = frozenset({"ray", "shard", "fetchers"})
_ALONE = {"translate": "--translate", "watch": "--watch"}


class _ClusterOption(click.Option):
    section = "Many machines"


cluster_options = all_of(
    click.option(
        "--ray",
        cls=_ClusterOption,
        metavar="ADDRESS",
        help="Let a Ray cluster work at the list: HOST:PORT, or local for all cards of this machine.",
    ),
    click.option(
        "--shard",
        cls=_ClusterOption,
        metavar="I/N",
        help="Do the I-th of N parts of the list; each has a list of its own. For SLURM, Kubernetes, hands.",
    ),
    click.option(
        "--fetchers",
        cls=_ClusterOption,
        type=click.IntRange(1, 64),
        default=4,
        show_default=True,
        metavar="N",
        help="Links followed at once, with --ray.",
    ),
)


def named(name: str, values: Mapping[str, Any]) -> str:
    """Return what the list of a part is called; the list's own name without --shard. Raises UsageError."""
    if not values["shard"]:
        return name
    from bili2text.cluster.shards import shard_of

    return shard_of(values["shard"]).name(name)


def add_part(
    values: Mapping[str, Any], manifest: Manifest, sources: Sequence[str], progress: Progress
) -> None:
    """Add to the list what is this part's of the sources. Raises UsageError, and what opening a list does."""
    from bili2text.cluster.dividing import add_divided
    from bili2text.cluster.shards import shard_of
    from bili2text.paths import cache_dir
    from bili2text.settings import environment
    from cli.request import request

    options = request(dict(values), ()).link
    shard = shard_of(values["shard"])
    add_divided(manifest, sources, shard, options, cache_dir(environment()), progress)


def cluster_batch(
    values: Mapping[str, Any], manifest: Manifest, rules: Rules, progress: Progress
) -> ClusterBatch:
    """Return the list with a cluster to work at it. Raises UsageError for options that cannot be joined."""
    for name, option in _ALONE.items():
        if values[name]:
            hint = "translate what was written afterwards: bili2text translate"
            raise UsageError(
                f"--ray and {option} do not go together", hint=hint if name == "translate" else ""
            )
    refuse_secrets(sys.argv[1:])
    from bili2text.cluster.drive import ClusterBatch, Pools
    from bili2text.settings import environment
    from cli.request import request

    pools = Pools(values["fetchers"], 2 * values["fetchers"])
    asked = request(dict(values), ())
    return ClusterBatch(asked, manifest, rules, progress, environment(), values["ray"], pools)


def refuse_secrets(words: Sequence[str]) -> None:
    """Raise UsageError for a command line with a secret in it.

    Ray keeps the command line of whoever connects as the entry point of a job, for all of the cluster to see.
    """
    from bili2text.jobs.command import without_secrets

    if without_secrets(tuple(words)) != tuple(words):
        raise UsageError(
            "Ray shows the command line to the whole cluster, and there is a secret in this one",
            hint="put a proxy's password into HTTPS_PROXY, and links with keys into a file: -a FILE",
        )


def work(batch: ClusterBatch, *, as_json: bool) -> None:
    """Work through the list, and print what is written."""
    for entry in batch.run():
        if as_json:
            write(json.dumps({**entry_json(entry), "files": entry.paths}, ensure_ascii=False) + "\n")
        elif entry.state == "done":
            write("".join(f"{path}\n" for path in entry.paths))
        if entry.why and entry.state != "done":
            said = "put off" if entry.state == "waiting" else entry.state
            click.echo(clean_text(f"{said}: {entry.name}: {entry.why}"), err=True)
