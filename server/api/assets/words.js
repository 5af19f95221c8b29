// SPDX-License-Identifier: Apache-2.0
// Numbers, times and decisions in words. Pure: no document, no network.

const grouped = new Intl.NumberFormat("en");

export const count = (value) => grouped.format(value ?? 0);
export const plural = (value, one, many) => `${count(value)} ${value === 1 ? one : many}`;

/** Natural logarithms and caps: as many digits as the rules' own vectors show. */
export function decimal(value, digits = 3) {
  if (!Number.isFinite(value))
    return "–";
  return value.toLocaleString("en", {minimumFractionDigits: digits, maximumFractionDigits: digits})
    .replace("-", "\u2212");
}

/** "05:31:07 UTC", with the day when it is not today's (`now`: a time of the server, so that no other clock counts). */
export function clock(at, now) {
  if (!at)
    return "–";
  const time = `${at.slice(11, 19)} UTC`;
  if (now && at.slice(0, 10) === now.slice(0, 10))
    return time;
  const day = new Date(at).toLocaleDateString("en-GB", {day: "numeric", month: "short", timeZone: "UTC"});
  return `${day}, ${time}`;
}

/** State: symbol, word, what it means for machines, and its place in the list (what needs a person comes first). */
export const STATES = {
  halted: ["\u25a0", "Halted", "Nothing is offered until somebody resumes it.", 0],
  active: ["\u25b6", "Active", "", 1],
  paused: ["\u2016", "Paused", "Nothing is offered and its clock stands; reports still count.", 2],
  completed: ["\u2713", "Completed", "Still in force: a late machine is offered it under the same rules.", 3],
  withdrawn: ["\u2715", "Withdrawn", "Final.", 4],
  expired: ["\u25cb", "Expired", "Final.", 5],
};

/** "4 of 5 failed, 1 silent"; a block names its offers by number. */
function sums(evidence) {
  const parts = [`${count(evidence.failed)} of ${count(evidence.offered)} failed`];
  if (evidence.silent)
    parts.push(`${count(evidence.silent)} silent`);
  let text = parts.join(", ");
  if (evidence.block) {
    const [level, block] = evidence.block;
    const size = 32 * 4 ** level;
    text += ` among offers ${count(block * size + 1)} to ${count((block + 1) * size)}`;
  }
  return text;
}

const against = (evidence, name = "ln E") => Number.isFinite(evidence.ln_e) && Number.isFinite(evidence.bound) ?
  `, ${name} ${decimal(evidence.ln_e)} over bound ${decimal(evidence.bound)}` : "";

const VERDICTS = {
  open: (d, who) => `ring ${d.ring} opened by ${who}`,
  advance: (d, who, e) => `ring ${d.ring} reached by ${who}: ` +
    `${count(e.offered - e.failed)} of ${plural(e.offered, "offer", "offers")} succeeded` +
    against(e, "ln V"),
  halt: (d, who, e) => d.rule === "supersedes" ? `halted: ${who} started a campaign that takes its place` :
    d.by === "engine" ? `halted by ${who}: ${sums(e)}${against(e)}` : `halted by ${who}`,
  hold_cohort: (d, who, e) => `cohort ${d.cohort} held by ${who}: ${sums(e)}${against(e)}`,
  complete: (d, who, e) => `completed: every ring is open and nobody waits (${sums(e)})`,
  resume: (d, who) => d.rule === "kill_switch" ? `kill switch off by ${who}` :
    d.cohort ? `cohort ${d.cohort} released by ${who}` : `resumed by ${who}`,
  pause: (d, who) => `paused by ${who}`,
  kill: (d, who) => `kill switch on by ${who}`,
  withdraw: (d, who) => `withdrawn by ${who}`,
  expire: () => "expired",
};

/** A decision as a sentence. */
export function decision(d) {
  const who = d.by === "engine" ? "the engine" : d.operator ?? "an operator";
  const evidence = d.evidence ?? {offered: 0, failed: 0, silent: 0};
  const say = VERDICTS[d.verdict] ?? (() => `${d.verdict} by ${who}`);
  return say(d, who, evidence) + (d.reason ? ` (“${d.reason}”)` : "");
}

/** What keeps the page from the data, and what mends it: [what, detail, steps]. `answer` null: none came. */
export function trouble(answer, problem, origin) {
  const detail = problem?.detail ?? "";
  if (!answer)
    return ["The server cannot be reached.", "", [
      "See that salvord runs and answers here (this page asks again by itself):", `curl -k ${origin}/`,
      "If it answers, open the page again and choose a certificate."]];
  if (answer.status === 401)
    return ["The server does not know you.", detail, [
      "Give this browser the certificate of an operator. As one file for its certificate settings:",
      "openssl pkcs12 -export -in operators/admin.crt -inkey operators/admin.key -out admin.p12",
      "Then close every window of this address and open it again, so that the browser asks."]];
  if (answer.status === 403)
    return ["The server knows the certificate, but it may not look.", detail, [
      "Choose another certificate, or have this one named in salvord.conf and the server reloaded:",
      "operator \"NAME\" { certificate = \"FILE\"  role = \"viewer\" }"]];
  if (answer.status === 429 || answer.status === 503)
    return ["The server is busy.", detail, ["This page asks again by itself."]];
  return [`The server answered ${answer.status}.`, detail,
    [`Its log says more; the request is ${answer.headers.get("X-Request-Id")}.`]];
}
