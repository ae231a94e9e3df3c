// What the page says, and how it makes elements. Text is set as text, never as HTML.

export const purposes = {
  accident: "an accident", complaint: "a complaint", "data-subject": "a person who asks for their own data",
  "missing-person": "a missing person", "serious-crime": "a serious crime", trial: "a trial",
};

/** A moment in UTC, to the millisecond: "2026-12-01 14:03:21.480". */
export const moment = (ms) => new Date(ms).toISOString().replace("T", " ").replace("Z", "");

/** The time of day alone, to the second. */
export const clock = (ms) => new Date(ms).toISOString().slice(11, 19);

/** The element of an id. */
export const the = (id) => document.getElementById(id);

/** An element with text and attributes. */
export function make(name, text = "", attributes = {}) {
  const e = document.createElement(name);
  if (text) e.textContent = text;
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

/** An SVG element with attributes. */
export function draw(name, attributes = {}) {
  const e = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
}

/** Where a time of day, "14:03:20" or "14:03", or a whole moment is within [from, to). */
export function moments(text, from, to) {
  const whole = Date.parse(text.trim().replace(" ", "T") + (/[zZ]$/.test(text) ? "" : "Z"));
  if (Number.isFinite(whole)) return whole;
  const m = /^(\d{1,2}):(\d{2})(?::(\d{2}(?:\.\d{1,3})?))?$/.exec(text.trim());
  if (!m) return NaN;
  const day = new Date(from);
  day.setUTCHours(0, 0, 0, 0);
  let at = day.getTime() + (Number(m[1]) * 3600 + Number(m[2]) * 60 + Number(m[3] ?? 0)) * 1000;
  while (at < from && at + 86_400_000 < to) at += 86_400_000;
  return at;
}
