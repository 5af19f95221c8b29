// SPDX-License-Identifier: Apache-2.0
// Draws the export. Elements are made once and then changed in place, so that focus, selection and open details stay.
// Text only ever goes in as text: what machines and operators wrote is never markup.

import {clock, count, decimal, decision, plural, STATES} from "./words.js";

const DECISIONS_OPEN = 4;

/** An element with classes, text and children. */
function make(tag, classes = "", ...children) {
  const element = document.createElement(tag);
  if (classes)
    element.className = classes;
  element.append(...children);
  return element;
}

function say(element, text) {
  if (element.textContent !== text)
    element.textContent = text;
}

function set(element, name, value) {
  if (element.getAttribute(name) !== String(value))
    element.setAttribute(name, value);
}

/** Keeps one child of `parent` per item, in the items' order. `row(item)` makes {root, update}. */
function each(parent, items, key, row) {
  const rows = parent.rows ??= new Map();
  const wanted = new Set(items.map(key));
  for (const [id, old] of rows)
    if (!wanted.has(id)) {
      old.root.remove();
      rows.delete(id);
    }
  let next = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    if (!rows.has(id))
      rows.set(id, row(item));
    const {root, update} = rows.get(id);
    update(item);
    if (root === next)
      next = next.nextElementSibling;
    else
      parent.insertBefore(root, next);
  }
}

/* ---- the fleet ---- */

const TILES = [
  ["known", "Known", "machines that enrolled or were imported"],
  ["in_recovery", "In recovery", "asked for help and are not back"],
  ["waiting", "Waiting", "of these: told to wait for their turn"],
  ["back", "Back", "newest fix succeeded"],
  ["needs_hands", "Need hands", "no attempt left, or the volume is locked"],
];

function tile({name, title, what}) {
  const value = make("dd");
  const root = make("div", `tile ${name}`, make("dt", "", title), value, make("dd", "what", what));
  return {root, update({number}) {
    say(value, count(number));
    root.classList.toggle("some", number > 0);
  }};
}

export function fleet(parent, numbers) {
  const tiles = TILES.map(([name, title, what]) => ({name, title, what, number: numbers[name]}));
  each(parent, tiles, (item) => item.name, tile);
}

/* ---- bars ---- */

const SEGMENTS = ["succeeded", "unsettled", "failed", "spared"];

function ringRow() {
  const name = make("span", "name"), tag = make("span", "tag"), numbers = make("p", "numbers");
  const parts = SEGMENTS.map((part) => make("span", part));
  const bar = make("div", "bar", ...parts);
  set(bar, "role", "progressbar");
  set(bar, "aria-valuemin", 0);
  const root = make("li", "ring", make("p", "head", name, tag), bar, numbers);
  return {root, update({ring, stage, waits}) {
    const values = [ring.succeeded, ring.unsettled, ring.failed, ring.not_applicable];
    const settled = ring.succeeded + ring.failed + ring.not_applicable;
    const machines = (ring.machines ?? 0) + (ring.waiting ?? 0);
    const whole = Math.max(machines, settled + ring.unsettled, 1);
    parts.forEach((part, i) => {
      part.hidden = !values[i];
      part.style.setProperty("flex-grow", String(values[i] / whole));
    });
    say(name, ring.name);
    say(tag, ring.open ? (stage ? "\u25cf open, current stage" : "\u25cf open") : "\u25cb not open");
    root.classList.toggle("closed", !ring.open);
    const words = [`${count(ring.machines)} of ${plural(machines, "machine", "machines")} offered`,
      `${count(ring.succeeded)} succeeded`];
    if (ring.failed)
      words.push(`${count(ring.failed)} failed`);
    if (ring.unsettled)
      words.push(`${count(ring.unsettled)} under way`);
    if (ring.not_applicable)
      words.push(`${count(ring.not_applicable)} not applicable`);
    if (ring.waiting && waits)
      words.push(`${count(ring.waiting)} waiting`);
    const text = ring.open || ring.offered ? words.join(" · ") :
      machines ? `${plural(machines, "machine", "machines")} known` : "";
    say(numbers, text);
    set(bar, "aria-label", `Ring ${ring.name}, ${ring.open ? "open" : "not open"}`);
    set(bar, "aria-valuemax", whole);
    set(bar, "aria-valuenow", Math.min(settled, whole));
    set(bar, "aria-valuetext", text || "no machine");
  }};
}

/** A bar against a bound. */
function meter(classes, label) {
  const fill = make("span", "fill"), numbers = make("p", "numbers");
  const bar = make("div", "bar", fill);
  set(bar, "role", "meter");
  set(bar, "aria-label", label);
  set(bar, "aria-valuemin", 0);
  const root = make("div", `meter ${classes}`, make("p", "name", label), bar, numbers);
  return {root, update(value, bound, text) {
    const share = bound > 0 ? Math.min(Math.max(value / bound, 0), 1) : 0;
    fill.style.setProperty("flex-grow", String(share));
    root.classList.toggle("over", value >= bound);
    say(numbers, text);
    set(bar, "aria-valuemax", bound);
    set(bar, "aria-valuenow", Math.min(Math.max(value, 0), bound));
    set(bar, "aria-valuetext", text);
  }};
}

/* ---- one campaign ---- */

function line(tag, classes) {
  const root = make(tag, classes);
  return {root, update: (text) => {
    say(root, text);
    root.hidden = !text;
  }};
}

function decisionRow(d) {
  const at = make("time", "at"), words = make("span", `verdict ${d.verdict}`);
  return {root: make("li", "", at, words), update({now, ...item}) {
    set(at, "datetime", item.at);
    say(at, clock(item.at, now));
    say(words, decision(item));
  }};
}

function heldRow() {
  const {root, update} = line("li", "");
  return {root, update: (c) => update(`${c.cohort}: ${count(c.failed)} of ${count(c.offered)} failed` +
    (c.silent ? `, ${count(c.silent)} silent` : "") +
    `, ln E ${decimal(c.ln_e)} over bound ${decimal(c.bound)}`)};
}

/** What a person may want to do next. */
function next(campaign) {
  const name = `${campaign.id}@${campaign.version}`;
  if (campaign.state === "halted")
    return `salvorctl campaign resume ${name} --reason TEXT` +
      (campaign.halt_decision ? ` --acknowledge ${campaign.halt_decision}` : "");
  if (campaign.state === "paused")
    return `salvorctl campaign resume ${name} --reason TEXT`;
  return "";
}

/** The halt that holds, in words: the newest decision that halted it. */
function halt(campaign) {
  const found = campaign.decisions.findLast((d) => d.verdict === "halt");
  return campaign.state === "halted" && found ? decision(found) : "";
}

function card(first) {
  const id = `c-${first.id}-${first.version}`;
  const title = make("h3"), symbol = make("span", "symbol"), word = make("span");
  const badge = make("span", "badge", symbol, word);
  const drill = make("span", "badge drill", "Drill");
  const name = make("code", "id"), times = make("span"), meaning = line("p", "meaning"), why = line("p", "why");
  const command = line("code", "command"), summary = line("p", "summary"), totals = make("p", "totals");
  const rings = make("ul", "rings"), held = make("ul"), newest = make("ol"), older = make("ol");
  const flight = meter("flight", "In flight"), evidence = meter("evidence", "Evidence against the fix");
  const heldBox = make("div", "held", make("h4", "", "Held cohorts"), held);
  const more = make("details", "", make("summary"), older);
  const meters = make("div", "meters", flight.root, evidence.root);
  const root = make("article", "card",
    make("header", "", make("div", "title", title, badge, drill),
      make("p", "sub", name, times), why.root, meaning.root, command.root, summary.root),
    make("div", "body",
      make("div", "left", rings, totals, meters, heldBox),
      make("div", "right", make("h4", "", "Newest decisions"), newest, more)));
  title.id = id;
  set(root, "aria-labelledby", id);
  set(symbol, "aria-hidden", "true");
  return {root, update({campaign, now, killed}) {
    const [sign, state, what] = STATES[campaign.state] ?? ["?", campaign.state, ""];
    root.dataset.state = campaign.state;
    say(title, campaign.title || campaign.id);
    say(symbol, sign);
    say(word, state);
    drill.hidden = !campaign.drill;
    say(name, `${campaign.id}@${campaign.version}`);
    say(times, `started ${clock(campaign.started_at, now)}, expires ${clock(campaign.expires, now)}`);
    why.update(halt(campaign));
    meaning.update(killed ? "Nothing is offered while the kill switch is on." : what);
    command.update(next(campaign));
    summary.update(campaign.summary ?? "");
    const open = campaign.state === "active" || campaign.state === "completed";
    each(rings, campaign.rings.map((ring) => ({ring, stage: ring.name === campaign.stage, waits: open})),
      ({ring}) => ring.name, ringRow);
    const c = campaign.counts;
    say(totals, `${plural(c.offers, "offer", "offers")} in all: ${count(c.succeeded)} succeeded, ` +
      `${count(c.failed)} failed, ${count(c.silent)} silent, ${count(c.not_applicable)} not applicable, ` +
      `${count(c.recalled)} recalled, ${count(c.unsettled)} under way` +
      (campaign.counted === false ? ". Known machines are still being counted." : ""));
    const e = campaign.evidence;
    meters.hidden = !e;
    if (e) {
      flight.update(campaign.in_flight, campaign.cap,
        `${count(campaign.in_flight)} of at most ${decimal(campaign.cap, 0)}`);
      evidence.update(e.ln_e, e.bound, `ln E ${decimal(e.ln_e)}, halts at ${decimal(e.bound)}`);
    }
    const cohorts = campaign.held_cohorts ?? [];
    heldBox.hidden = cohorts.length === 0;
    each(held, cohorts, (cohort) => `${cohort.cohort} ${cohort.j}`, heldRow);
    const decisions = campaign.decisions.map((d) => ({...d, now})).reverse();
    each(newest, decisions.slice(0, DECISIONS_OPEN), (d) => d.id, decisionRow);
    each(older, decisions.slice(DECISIONS_OPEN), (d) => d.id, decisionRow);
    more.hidden = decisions.length <= DECISIONS_OPEN;
    say(more.firstChild, plural(decisions.length - DECISIONS_OPEN, "earlier decision", "earlier decisions"));
  }};
}

const place = (campaign) => (STATES[campaign.state] ?? [])[3] ?? 9;
const isOver = (campaign) => campaign.state === "withdrawn" || campaign.state === "expired";

/** Draws every campaign: what needs a person first, then the newest; those that ended behind a fold. */
export function campaigns(parent, past, none, list, now, killed) {
  const sorted = list.toSorted((a, b) =>
    place(a) - place(b) || String(b.started_at).localeCompare(String(a.started_at)));
  const key = ({campaign}) => `${campaign.id}@${campaign.version}`;
  const rows = sorted.map((campaign) => ({campaign, now, killed: killed && !isOver(campaign)}));
  const over = rows.filter(({campaign}) => isOver(campaign));
  const make_card = ({campaign}) => card(campaign);
  each(parent, rows.filter(({campaign}) => !isOver(campaign)), key, make_card);
  each(past.lastElementChild, over, key, make_card);
  past.hidden = over.length === 0;
  say(past.firstElementChild, plural(over.length, "campaign has ended", "campaigns have ended"));
  none.hidden = list.length > 0;
}
