"""A list as these tests work through it: quick to give up, the smallest model, no pauses.

Run as a program it is a process to be killed: python a_list.py CACHE OUT MODEL FILE-OF-LINKS
"""

import sys
from contextlib import closing
from pathlib import Path

from bili2text.lists.manifest import Manifest
from bili2text.lists.rules import Rules
from bili2text.lists.run import Batch
from bili2text.lists.shelf import Shelf
from bili2text.plan.values import Wishes
from bili2text.progress import Silent
from bili2text.request import Output, Request
from bili2text.source.media import LinkOptions

NAME = "hostile"
QUICK = Rules(pause=0.01, refusals=99)
HASTY = LinkOptions(retries=0, tries=2, timeout=0.6, patience=0.02)


def a_request(sources, model, out, *, link=HASTY, **output):
    wishes = Wishes(model=str(model), device="cpu", beam_size=1, threads=2)
    output = Output(folder=str(out), formats="txt,json", report=False, **output)
    return Request(tuple(sources), link=link, wishes=wishes, output=output)


def worked(cache, request, links, *, rules=QUICK, progress=None, watched=None):
    """Work through a list; return what was told."""
    with Manifest.open(Shelf(cache).folder(NAME)) as manifest:
        environ = {"BILI2TEXT_CACHE_DIR": str(cache)}
        with closing(Batch(request, manifest, rules, progress or Silent(), environ)) as batch:
            batch.add(links)
            batch.check()
            return list(batch.run(watched))


if __name__ == "__main__":
    cache, out, model, links = map(Path, sys.argv[1:])
    worked(cache, a_request((), model, out), links.read_text().split())
