"""A ballot as one HTML page that needs no network and lets nothing in or out. Pure."""

from __future__ import annotations

import base64
import hashlib
import html
import json

from bili2text.compare.ballot import Ballot, Pair
from bili2text.compare.page_parts import SCRIPT, STYLE
from bili2text.compare.values import Contest
from bili2text.compare.votes import KIND, NAME_BYTES
from bili2text.files import clean_text

NOTHING = "(no translation)"
_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1 dir="auto">{title}</h1>
<p class="dim">Which translation is better? {count} pairs of {sentences} sentences; \
both said the same of {equal}.</p>
<progress id="bar" max="{most}" value="0" aria-label="Votes"></progress>
<p class="dim" id="where" aria-live="polite"></p>
<noscript><p>Voting needs JavaScript. This page loads nothing and sends nothing.</p></noscript>
</header>
<main>
<section id="vote" hidden>
<p class="source" id="source" lang="{source}" dir="auto"></p>
<div class="two">
<button type="button" id="left"><kbd>1</kbd> <span id="leftText" lang="{target}" dir="auto"></span></button>
<button type="button" id="right"><kbd>2</kbd> <span id="rightText" lang="{target}" dir="auto"></span></button>
</div>
<div class="row">
<button type="button" id="tie"><kbd>=</kbd> As good</button>
<button type="button" id="skip"><kbd>s</kbd> Skip</button>
<button type="button" id="back"><kbd>←</kbd> Back</button>
</div>
</section>
<section id="over" hidden>
<p>That was all. Save the votes, and have bili2text add them up.</p>
</section>
<table id="revealed" hidden><caption>Votes on this page</caption><tbody id="result"></tbody></table>
</main>
<footer>
<div class="row">
<label>Your name <input id="voter" maxlength="{name_length}" autocomplete="off"></label>
<button type="button" id="save">Save votes</button>
<button type="button" id="reveal">Reveal</button>
</div>
<p class="dim" id="kept">Votes stay in this browser until you save them as a file.</p>
</footer>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def page(contest: Contest, ballot: Ballot) -> str:
    """Return the page of a contest's ballot.

    Its policy admits no other script and style than its own, by their hashes, and no request at all. Texts
    are data, which the script shows as text. Who said what is veiled, so that nobody reads it by mistake; it
    is no secret to somebody who runs the script step by step.
    """
    return _PAGE.format(
        policy=html.escape(_policy()),
        title=html.escape(clean_text(contest.title)),
        style=STYLE,
        script=SCRIPT,
        count=len(ballot.pairs),
        most=max(1, len(ballot.pairs)),  # HTML knows no bar without length
        sentences=len(contest.sentences),
        equal=len(ballot.equal),
        source=html.escape(contest.direction.source),
        target=html.escape(contest.direction.target),
        name_length=NAME_BYTES // 3,  # in characters, Chinese ones too
        data=_as_data(
            {
                "kind": KIND,
                "key": ballot.key,
                "nothing": NOTHING,
                "pairs": [_shown(pair) for pair in ballot.pairs],
                "veil": _veiled(contest, ballot),
            }
        ),
    )


def _policy() -> str:
    return (
        f"default-src 'none'; script-src '{_hash(SCRIPT)}'; style-src '{_hash(STYLE)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Return what a policy calls an inline script or style (W3C, Content Security Policy Level 2)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _shown(pair: Pair) -> dict[str, object]:
    return {"number": pair.number, "source": pair.source, "left": pair.left, "right": pair.right}


def _veiled(contest: Contest, ballot: Ballot) -> str:
    """Return who is who as nobody reads it: each byte changed by one of the key's."""
    who = {
        "names": contest.names,
        "swapped": sorted(pair.number for pair in ballot.pairs if pair.swapped),
    }
    key = ballot.key.encode("ascii")
    veiled = bytes(byte ^ key[at % len(key)] for at, byte in enumerate(json.dumps(who).encode("ascii")))
    return base64.b64encode(veiled).decode("ascii")


def _as_data(value: object) -> str:
    """Return JSON that no HTML parser sees an end or a comment in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"\\u{ord(one):04x}" if one in "<>&\u2028\u2029" else one for one in text)
