// SPDX-License-Identifier: Apache-2.0
// Asks for the export every two seconds while the page is seen, and says what mends it when that fails.

import {campaigns, fleet} from "./view.js";
import {clock, count, decision, trouble} from "./words.js";

const EVERY_MS = 2000, AGAIN_MS = 5000, ANSWER_MS = 10000;
const $ = (id) => document.getElementById(id);
let timer = 0, asking = false, paused = false, newest = null, wrong = null, seen = 0;

function say(id, text) {
  const element = $(id);
  if (element.textContent !== text)
    element.textContent = text;
  element.hidden = !text;
}

/** Tells a screen reader what was decided since the last look, not every number. */
function announce(data) {
  const all = data.campaigns.flatMap((c) => c.decisions.map((d) => ({title: c.title, ...d})));
  const number = (d) => Number(String(d.id).replace(/^d/, ""));
  const news = all.filter((d) => number(d) > seen).sort((a, b) => number(a) - number(b));
  if (seen && news.length)
    $("said").textContent = news.slice(-3).map((d) => `${d.title}: ${decision(d)}`).join(". ");
  seen = Math.max(seen, data.seq);
}

function draw(data) {
  const halted = data.campaigns.filter((c) => c.state === "halted").length;
  const killed = data.server.kill_switch;
  fleet($("fleet"), data.fleet);
  campaigns($("campaigns"), $("past"), $("none"), data.campaigns, data.generated_at, killed);
  say("kill", killed ? "\u25a0 Kill switch on" : "\u25cb Kill switch off");
  $("kill").classList.toggle("on", killed);
  say("killed", killed ? "The kill switch is on: no machine is offered anything. " +
    "To switch it off: salvorctl kill-switch off --reason TEXT" : "");
  say("foot", `salvord ${data.server.version} · journal entry ${count(data.seq)} · ` +
    `trust domain ${data.server.trust_domain}`);
  document.title = (killed ? "Kill switch on · " : halted ? `${halted} halted · ` : "") + "Salvor";
  $("page").hidden = false;
  announce(data);
}

function showTrouble(what) {
  const box = $("trouble");
  const text = what ? JSON.stringify(what) : "";
  if (box.dataset.text === text)
    return;
  box.dataset.text = text;
  box.replaceChildren();
  box.hidden = !what;
  $("page").classList.toggle("stale", Boolean(what));
  if (!what)
    return;
  const [title, detail, steps] = what;
  const add = (tag, words) => box.appendChild(document.createElement(tag)).textContent = words;
  add("h2", title);
  if (detail)
    add("p", `It says: ${detail}.`);
  steps.forEach((step, i) => add(steps.length > 1 && i === 1 ? "code" : "p", step));
}

async function ask() {
  let answer = null;
  try {
    answer = await fetch("/api/v1/export", {cache: "no-store", headers: {Accept: "application/json"},
      signal: AbortSignal.timeout(ANSWER_MS)});
    const body = await answer.json().catch(() => null);
    if (!answer.ok)
      return trouble(answer, body, location.origin);
    if (body?.schema !== "salvor.export/1")
      return ["The server answered what this page does not know.", "", ["Load the page again."]];
    newest = body;
    return null;
  } catch {
    return trouble(answer, null, location.origin);
  }
}

function sayLive() {
  const at = newest ? clock(newest.generated_at, newest.generated_at) : "";
  if (wrong)
    say("live", at ? `\u25b2 No news since ${at}` : "\u25b2 No data");
  else
    say("live", !at ? "" : paused ? `\u2016 Paused at ${at}` : `\u25cf Live, ${at}`);
}

async function turn() {
  clearTimeout(timer);
  if (asking || paused || document.hidden)
    return;
  asking = true;
  wrong = await ask();
  try {
    if (!wrong)
      draw(newest);
  } catch (error) {
    wrong = ["This page cannot draw what the server says.", String(error), ["Load the page again."]];
  }
  showTrouble(wrong);
  sayLive();
  asking = false;
  timer = setTimeout(turn, wrong ? AGAIN_MS : EVERY_MS);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", String(paused));
  sayLive();
  turn();
});
document.addEventListener("visibilitychange", turn);
turn();
