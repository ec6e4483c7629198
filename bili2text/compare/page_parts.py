"""The style and the script of the page: text alone, the same for every comparison."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fafafa; --card: #fff; --line: #c9c9ce;
  --dim: #5f5f66; --strong: #0a5bd3; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ececf0; --paper: #17171a; --card: #222227; --line: #4a4a52;
    --dim: #a5a5ae; --strong: #7db4ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; color: var(--ink); background: var(--paper);
  font: 1.05rem/1.6 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif;
  overflow-wrap: anywhere; }
h1 { font-size: 1.1rem; margin: 0; }
p { margin: .4rem 0; }
.dim { color: var(--dim); font-size: .9rem; }
.source { font-size: 1.2rem; margin: 1.2rem 0 .8rem; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: .8rem; }
button, input { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; padding: .5rem .8rem; }
button { cursor: pointer; }
button:disabled { opacity: .5; cursor: default; }
button:focus-visible, input:focus-visible { outline: 3px solid var(--strong); outline-offset: 1px; }
.two button { text-align: start; padding: .8rem; min-height: 5rem; }
.chosen { border-color: var(--strong); box-shadow: inset 0 0 0 1px var(--strong); }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin: .8rem 0; align-items: center; }
progress { width: 100%; accent-color: var(--strong); }
table { border-collapse: collapse; }
td, th { text-align: start; padding: .2rem 1.2rem .2rem 0; }
kbd { font: inherit; font-weight: 600; color: var(--strong); }
[hidden] { display: none; }
@media (max-width: 40rem) { .two { grid-template-columns: 1fr; } }
"""

# What is shown is set as text, never as markup; what this browser kept is taken only if it makes sense.
SCRIPT: Final = """
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const keys = new Map([["1", "left"], ["2", "right"], ["=", "tie"], ["s", "skip"]]);
  const choices = [...keys.values()];
  const store = "bili2text-votes-" + data.key;
  const numbers = new Set(data.pairs.map((pair) => pair.number));
  const votes = new Map();
  let place = 0, closed = false, unsaved = false, forgetful = false;

  const keep = () => {
    try {
      const kept = { voter: $("voter").value, closed, votes: [...votes.values()] };
      localStorage.setItem(store, JSON.stringify(kept));
    } catch {
      forgetful = true;
      $("kept").textContent = "This browser keeps nothing for this page: save before you close it.";
    }
  };

  const recall = () => {
    try {
      const kept = JSON.parse(localStorage.getItem(store)) ?? {};
      for (const { number, choice, when } of kept.votes ?? [])
        if (numbers.has(number) && choices.includes(choice) && !Number.isNaN(Date.parse(when)))
          votes.set(number, { number, choice, when });
      $("voter").value = typeof kept.voter === "string" ? kept.voter : "";
      closed = kept.closed === true;
    } catch { /* nothing was kept, or nothing that makes sense */ }
    const open = data.pairs.findIndex((pair) => !votes.has(pair.number));
    place = open < 0 ? data.pairs.length : open;
  };

  const show = () => {
    const pair = closed ? undefined : data.pairs[place];
    $("vote").hidden = !pair;
    $("over").hidden = Boolean(pair);
    $("bar").value = votes.size;
    $("back").disabled = closed || place === 0;
    $("save").disabled = $("reveal").disabled = votes.size === 0;
    $("where").textContent = pair ? `${place + 1} of ${data.pairs.length}` : `${votes.size} votes`;
    if (pair) {
      const choice = votes.get(pair.number)?.choice;
      $("source").textContent = pair.source;
      $("leftText").textContent = pair.left || data.nothing;
      $("rightText").textContent = pair.right || data.nothing;
      for (const one of choices) {
        $(one).classList.toggle("chosen", one === choice);
        $(one).setAttribute("aria-pressed", String(one === choice));
      }
    }
    if (closed) unveil();
  };

  const vote = (choice) => {
    const pair = data.pairs[place];
    if (closed || !pair) return;
    votes.set(pair.number, { number: pair.number, choice, when: new Date().toISOString() });
    place += 1;
    unsaved = true;
    keep();
    show();
  };

  const back = () => {
    if (closed || place === 0) return;
    place -= 1;
    show();
  };

  const save = () => {
    const saved = { kind: data.kind, key: data.key, voter: $("voter").value, votes: [...votes.values()] };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(saved)], { type: "application/json" }));
    link.download = `votes-${data.key.slice(0, 8)}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    unsaved = false;
  };

  const unveil = () => {
    const veiled = Uint8Array.from(atob(data.veil), (one) => one.charCodeAt(0));
    const bytes = veiled.map((byte, at) => byte ^ data.key.charCodeAt(at % data.key.length));
    const { names, swapped } = JSON.parse(new TextDecoder().decode(bytes));
    const turned = new Set(swapped);
    const wins = [0, 0];
    let ties = 0;
    for (const { number, choice } of votes.values()) {
      if (choice === "tie") ties += 1;
      else if (choice !== "skip") wins[Number((choice === "right") !== turned.has(number))] += 1;
    }
    const rows = [...names.map((name, side) => [name, wins[side]]), ["tie", ties]];
    $("result").replaceChildren(...rows.map(([name, count]) => {
      const row = document.createElement("tr");
      for (const [kind, text] of [["th", name], ["td", count]])
        row.appendChild(document.createElement(kind)).textContent = text;
      return row;
    }));
    $("revealed").hidden = false;
    $("reveal").hidden = true;
  };

  const reveal = () => {
    if (votes.size < data.pairs.length && !confirm("This ends the voting. Reveal who said what?")) return;
    closed = true;
    keep();
    show();
  };

  for (const choice of choices) $(choice).addEventListener("click", () => vote(choice));
  $("back").addEventListener("click", back);
  $("save").addEventListener("click", save);
  $("reveal").addEventListener("click", reveal);
  $("voter").addEventListener("input", keep);
  addEventListener("keydown", (event) => {
    if (event.target === $("voter") || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const choice = keys.get(event.key.toLowerCase());
    if (choice) vote(choice);
    else if (event.key === "ArrowLeft") back();
    else return;
    event.preventDefault();
  });
  addEventListener("beforeunload", (event) => { if (unsaved && forgetful) event.preventDefault(); });
  recall();
  keep();
  show();
})();
"""
