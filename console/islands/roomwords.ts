// Alerts in words. Times are the city's.
import type { Alert, AlertEntry, AlertValue, RoomData } from "./generated.ts";
import { dataOf } from "./dom.ts";
import { known, list, number, say } from "./texts.ts";
import { rank } from "./roomstore.ts";

export const room = dataOf<RoomData>(document.getElementById("room-data"));

export function kindOf(kind: string): string {
  const key = `alert.kind.${kind}`;
  return known(key) ? say(key) : kind;
}

/** "Crowding, 31 people" */
export function titleOf(a: Alert): string {
  const values = (a.title.values ?? []).map((v) => valueOf(v, a.kind)).filter(Boolean);
  return values.length ? say("room.titled", { kind: kindOf(a.kind), values: list(values) }) : kindOf(a.kind);
}

function valueOf(v: AlertValue, kind: string): string {
  if (v.number === null || v.number === undefined) return v.word ? readable(v.word) : "";
  const key = `unit.${v.unit}`;
  const words = v.unit && known(key) ? say(key, { value: number(v.number) }) : number(v.number);
  const name = `alert.value.${kind}.${v.name}`;
  if (known(name)) return say(name, { value: words, n: v.number });
  return v.unit === "C62" ? "" : words; // a bare count says nothing
}

export function whereOf(a: Alert): string {
  const camera = a.camera ? (room.cameras[a.camera]?.title ?? a.camera) : "";
  const parts = [camera, a.zone ? readable(a.zone) : "", !camera && a.asset ? a.asset.replace(/^urn:(ngsi-ld|polity):/, "").replaceAll(":", " ") : ""].filter(Boolean);
  return parts.length ? list(parts) : a.place ? say("room.somewhere", { lat: a.place.lat.toFixed(4), lon: a.place.lon.toFixed(4) }) : say("room.nowhere");
}

export function stateOf(a: Alert): string {
  if (a.state === "assigned") return a.assignee === room.me ? say("room.state.mine") : say("room.state.assignedto", { name: nameOf(a.assignee) });
  if (a.state === "snoozed" && a.until) return say("room.state.until", { time: clock(a.until) });
  if (a.state === "closed") return a.verdict ? say(`room.verdict.${a.verdict as "useful" | "false" | "unclear"}`) : say("room.verdict.none");
  return say(`room.state.${a.state as "new" | "acknowledged" | "assigned" | "snoozed" | "closed"}`);
}

export function priorityOf(a: Alert): [sign: string, word: string] {
  const r = rank(a);
  return [["stopped", "attention", "unknown", "unknown"][r - 1] ?? "unknown", say(`room.priority.${r as 1 | 2 | 3 | 4}`)];
}

export function nameOf(id: string | undefined): string {
  if (!id) return say("room.nobody");
  return id === room.me ? say("room.you") : (room.people[id] ?? say("room.colleague"));
}

/** Who did what when: "Aino acknowledged it at 14:02". */
export function didWhat(e: AlertEntry): string {
  const key = `room.did.${e.what}`;
  if (!known(key)) return e.what;
  return say(key, {
    name: nameOf(e.by), to: nameOf(e.to), time: clock(e.at), until: e.until ? clock(e.until) : "",
    priority: e.priority ? say(`room.priority.${e.priority as 1 | 2 | 3 | 4}`) : "", verdict: e.verdict ? say(`room.verdict.${e.verdict as "useful" | "false" | "unclear"}`) : "",
  });
}

// Made once: a formatter takes longer to make than a row of the list to draw.
const dayForm = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeZone: room.zone });
const hourForm = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: room.zone });
const datedForm = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: room.zone });
const exactForm = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "medium", timeZone: room.zone });
let today = { until: 0, day: "" };

/** Hours and minutes, with the day where it is another. */
export function clock(at: string): string {
  const t = Date.parse(at);
  if (Date.now() > today.until) today = { until: Date.now() + 10_000, day: dayForm.format(Date.now()) };
  return (dayForm.format(t) === today.day ? hourForm : datedForm).format(t);
}

export function exactly(at: string): string {
  return exactForm.format(Date.parse(at));
}

export function searchable(a: Alert): string {
  return [titleOf(a), whereOf(a), a.key, a.camera, a.zone, a.asset].filter(Boolean).join(" ");
}

export function readable(slug: string): string {
  return slug.replaceAll("-", " ");
}
