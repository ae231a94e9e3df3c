// A case's draft: what is wrong with it, and the file that the browser writes
// (docs/formats/case.md). It is never sent anywhere.
import type { CaseNewData } from "./generated.ts";
import { utc } from "./casezone.ts";
import { say } from "./texts.ts";

const hour = 3_600_000;
const day = 24 * hour;

export interface Draft {
  cameras: string[];
  from: number | null; // ms since 1970; null: missing, or no such time
  to: number | null;
  purpose: string;
  order: string;
  case: string;
  expires: number | null;
  publicOn: string; // 2027-06-01
}

export interface Problem {
  field: string; // id of where it is put right
  words: string;
}

/** The form of an order's or a case's reference: HEL 2026-012345. */
export function isReference(text: string): boolean {
  return /^[A-Z]{1,8} (?:19|20)\d\d[-/]\d{1,8}$/.test(text);
}

/** Hours begun between from and to. */
export function hoursOf(d: Draft): number {
  return d.from !== null && d.to !== null && d.to > d.from ? Math.ceil((d.to - d.from) / hour) : 0;
}

/** All that keeps a draft from being saved. */
export function problems(d: Draft, data: CaseNewData, now: number): Problem[] {
  const found: Problem[] = [];
  const wrong = (field: string, words: string) => found.push({ field, words });
  if (!d.cameras.length) wrong("find", say("casenew.no.cameras"));
  if (d.cameras.length > data.max_cameras) wrong("find", say("casenew.no.toomany", { n: d.cameras.length, most: data.max_cameras }));
  if (d.from === null) wrong("from", say("casenew.no.from"));
  if (d.to === null) wrong("to", say("casenew.no.to"));
  if (d.from !== null && d.to !== null) {
    if (d.to <= d.from) wrong("to", say("casenew.no.order"));
    else if (hoursOf(d) > data.max_hours) wrong("to", say("casenew.no.toolong", { n: hoursOf(d), most: data.max_hours }));
  }
  if (!d.purpose) wrong("purpose", say("casenew.no.purpose"));
  if (!isReference(d.order)) wrong("order", say("casenew.no.orderref"));
  if (!isReference(d.case)) wrong("case", say("casenew.no.caseref"));
  if (d.expires === null) wrong("expires", say("casenew.no.expires"));
  else if (d.expires <= now) wrong("expires", say("casenew.no.expired"));
  const open = Date.parse(`${d.publicOn}T00:00:00Z`);
  if (Number.isNaN(open)) wrong("public", say("casenew.no.public"));
  else if (open + day <= now) wrong("public", say("casenew.no.publicpast"));
  else if (d.expires !== null && open > d.expires + data.max_days * day) wrong("public", say("casenew.no.publiclate", { n: data.max_days }));
  return found;
}

/** The draft's file. */
export function file(d: Draft, hub: string): string {
  const content = {
    format: "polity-draft/1", hub, purpose: d.purpose, cameras: [...d.cameras].sort(), from: utc(d.from!), to: utc(d.to!),
    order: d.order, case: d.case, expires: utc(d.expires!), details_public_on: d.publicOn,
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
