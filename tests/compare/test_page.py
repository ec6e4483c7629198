"""The page is one file that loads nothing, shows text as text, and does not say who said what."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from contests import HOSTILE, NAMES, contest, different

from bili2text.compare.ballot import ballot, preferred
from bili2text.compare.page import page
from bili2text.compare.tally import summed
from bili2text.compare.values import Contest
from bili2text.compare.votes import imported

_VOID = {"meta", "progress", "input", "br", "link", "img"}


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.inside: dict[str, list[str]] = {}
        self.comments = 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID - {"progress"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        self.comments += 1

    def handle_data(self, data: str) -> None:
        self.inside.setdefault(self.open[-1] if self.open else "", []).append(data)


def made(asked: Contest) -> str:
    return page(asked, ballot(asked))


def data_of(text: str) -> dict:
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    return json.loads(scripts[0])


def test_hostile_text_is_data_and_comes_to_the_page_whole() -> None:
    asked = contest(HOSTILE, [f"{one}!" for one in HOSTILE], HOSTILE, title=HOSTILE[0] + HOSTILE[2])
    text = made(asked)
    parsed = Parsed(text)
    plain = Parsed(made(different(6)))
    assert parsed.tags == plain.tags
    assert parsed.open == []
    assert parsed.comments == 0
    assert [tag for tag, _ in parsed.tags].count("script") == 2
    pairs = {pair.number: pair for pair in ballot(asked).pairs}
    shown = data_of(text)["pairs"]
    assert len(shown) == len(HOSTILE)
    for one in shown:
        pair = pairs[one["number"]]
        assert (one["source"], one["left"], one["right"]) == (pair.source, pair.left, pair.right)
    text.encode("utf-8")


def test_the_policy_lets_its_own_script_and_style_run_and_nothing_else() -> None:
    text = made(different(3))
    parsed = Parsed(text)
    (policy,) = (
        kept["content"] for tag, kept in parsed.tags if kept.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)[0]
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    for kind, content in (("style", style), ("script", script)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    linking = {"src", "href", "action", "style", "srcdoc", "formaction"}
    for _, kept in parsed.tags:
        assert not linking & kept.keys()
        assert not any(name.startswith("on") for name in kept)
    assert not re.search(r"https?:|//\w|url\(|@import|innerHTML|eval\(|fetch\(|XMLHttp", style + script)


def test_the_page_does_not_say_who_said_what() -> None:
    text = made(different(9))
    for name in (*NAMES, "Aurora", "ctranslate2", '"swapped":', "A: "):
        assert name not in text
    assert "system-ui" in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_a_page_without_a_pair_to_vote_on_is_a_page_too() -> None:
    parsed = Parsed(made(contest(["same"], ["same"])))
    assert parsed.open == []
    assert "0 pairs of 1 sentences" in "".join(parsed.inside["p"])


# As much of a browser as the script asks for; it presses the keys in turn and says what came of them.
_BROWSER = """
const fs = require("fs");
const [script, data, keys, kept] = JSON.parse(fs.readFileSync(0, "utf8"));
const elements = new Map(), listeners = new Map(), stored = new Map(), files = [], asked = [];
class Element {
  constructor(id) { this.id = id; this.value = ""; this.textContent = ""; this.hidden = false; this.disabled = false;
    this.children = []; this.on = new Map(); this.names = new Set(); this.attributes = new Map();
    this.classList = { toggle: (name, is) => is ? this.names.add(name) : this.names.delete(name) }; }
  addEventListener(kind, heard) { this.on.set(kind, heard); }
  setAttribute(name, value) { this.attributes.set(name, value); }
  appendChild(child) { this.children.push(child); return child; }
  replaceChildren(...children) { this.children = children; }
  click() { this.on.get("click")?.(); }
}
const element = (id) => elements.get(id) ?? elements.set(id, new Element(id)).get(id);
element("data").textContent = data;
if (kept !== null) stored.set("bili2text-votes-" + JSON.parse(data).key, kept);
const storage = kept === "refused"
  ? { getItem() { throw new Error("no"); }, setItem() { throw new Error("no"); } }
  : { getItem: (name) => stored.get(name) ?? null, setItem: (name, value) => stored.set(name, value) };
const page = { document: { getElementById: element, createElement: (kind) => new Element(kind) },
  localStorage: storage, addEventListener: (kind, heard) => listeners.set(kind, heard),
  confirm: (text) => { asked.push(text); return true; }, Blob: class { constructor(parts) { files.push(parts.join("")); } },
  URL: { createObjectURL: () => "blob:x", revokeObjectURL() {} }, setTimeout() {}, atob, TextDecoder };
new Function(...Object.keys(page), script)(...Object.values(page));
const seen = [];
const look = () => seen.push({ where: element("where").textContent, left: element("leftText").textContent,
  chosen: ["left", "right", "tie", "skip"].filter((id) => element(id).names.has("chosen")) });
look();
for (const key of keys) {
  if (key.startsWith("#")) element(key.slice(1)).click();
  else listeners.get("keydown")({ key, target: null, preventDefault() {} });
  look();
}
const rows = element("result").children.map((row) => row.children.map((cell) => String(cell.textContent)));
console.log(JSON.stringify({ seen, files, rows, asked, over: !element("over").hidden, shown: element("source").textContent,
  revealed: elements.has("revealed") && !element("revealed").hidden && rows.length > 0,
  kept: element("kept").textContent, stored: [...stored.values()][0] ?? "" }));
"""
needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the page's script")


def used(text: str, keys: list[str], kept: str | None = None) -> dict:
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    told = json.dumps([script, json.dumps(data_of(text)), keys, kept])
    done = subprocess.run(
        ["node", "-e", _BROWSER],
        input=told,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_node
def test_votes_of_the_page_come_back_as_they_were_cast_and_the_reveal_counts_as_we_do(tmp_path: Path) -> None:
    asked = different(9)
    shown = ballot(asked)
    keys = ["1", "2", "1", "=", "s", "x", "2", "2", "S", "1", "#save"]
    used_page = used(made(asked), [*keys, "#reveal", "1"])
    path = tmp_path / "votes.json"
    path.write_text(used_page["files"][0], encoding="utf-8")
    votes = imported(path, shown)
    pressed = [key for key in keys if key in "12=sS"]
    meaning = {"1": "left", "2": "right", "=": "tie", "s": "skip", "S": "skip"}
    assert [(one.number, one.choice) for one in votes] == [
        (pair.number, meaning[key]) for pair, key in zip(shown.pairs, pressed, strict=True)
    ]
    assert used_page["seen"][0]["where"] == "1 of 9"
    tally = summed(shown, votes)
    assert used_page["rows"] == [[NAMES[0], str(tally.wins[0])], [NAMES[1], str(tally.wins[1])], ["tie", "1"]]
    assert used_page["over"]
    assert used_page["asked"] == []


@needs_node
def test_one_step_back_shows_the_vote_and_takes_another(tmp_path: Path) -> None:
    asked = different(3)
    shown = ballot(asked)
    used_page = used(made(asked), ["1", "ArrowLeft", "2", "#save"])
    assert used_page["seen"][2] == {"where": "1 of 3", "left": shown.pairs[0].left, "chosen": ["left"]}
    path = tmp_path / "votes.json"
    path.write_text(used_page["files"][0], encoding="utf-8")
    (vote,) = imported(path, shown)
    assert (vote.choice, preferred(vote, shown.pairs[0])) == ("right", int(not shown.pairs[0].swapped))


@needs_node
def test_a_page_opened_again_goes_on_and_one_revealed_takes_no_more_votes() -> None:
    text = made(different(3))
    begun = used(text, ["1"])
    again = used(text, ["2"], begun["stored"])
    assert [one["where"] for one in again["seen"]] == ["2 of 3", "3 of 3"]
    revealed = used(text, ["#reveal"], again["stored"])
    assert revealed["asked"] == ["This ends the voting. Reveal who said what?"]
    after = used(text, ["1", "#left", "ArrowLeft"], revealed["stored"])
    assert after["revealed"]
    assert after["stored"] == revealed["stored"]


@needs_node
@pytest.mark.parametrize(
    "kept",
    ["{", "null", "[]", '{"votes": 5}', '{"votes": [{"number": 77, "choice": "left", "when": "2026-01-31"}]}',
     '{"votes": [{"number": 0, "choice": "<b>", "when": "2026-01-31"}, null]}', '{"voter": {}, "closed": 1}'],
)  # fmt: skip
def test_nonsense_in_the_browsers_store_is_left_out(kept: str) -> None:
    assert used(made(different(3)), [], kept)["seen"][0]["where"] == "1 of 3"


@needs_node
def test_a_browser_that_keeps_nothing_says_so_and_votes_are_saved_all_the_same() -> None:
    used_page = used(made(different(2)), ["1", "2", "#save"], "refused")
    assert "keeps nothing" in used_page["kept"]
    assert len(json.loads(used_page["files"][0])["votes"]) == 2


@needs_node
def test_hostile_text_is_shown_as_it_is() -> None:
    asked = contest(HOSTILE, [f"{one}!" for one in HOSTILE], HOSTILE)
    pairs = ballot(asked).pairs
    used_page = used(made(asked), ["1"] * (len(pairs) - 1))
    assert [one["left"] for one in used_page["seen"]] == [pair.left for pair in pairs]
    assert used_page["shown"] == pairs[-1].source
