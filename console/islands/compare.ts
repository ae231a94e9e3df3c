// Whether an opening has footage of a place and time: compared here, with what is the same
// for every reader (docs/formats/record.md).
import type { OpeningData, OpeningsCamera, OpeningsData, UnknownOpening } from "./generated.ts";

/** What somebody asks: a place (longitude, latitude) and a time, ms since 1970. */
export interface Question {
  at: [number, number];
  from: number;
  to: number;
}

export interface Answer {
  sees: OpeningsCamera[]; // cameras that may see the place
  hits: { opening: OpeningData; camera: OpeningsCamera }[];
  gone: string[]; // cameras of openings at that time that are not registered now
  maybe: UnknownOpening[];
}

const beyond = 30; // metres past what an entry says a camera sees
const unsaid = 100; // metres around a camera whose entry does not say
const perDegree = 111_195; // metres per degree of latitude

/** Metres east and north from a to b; streets are short enough for a flat map. */
function metres(a: [number, number], b: [number, number]): [number, number] {
  return [(b[0] - a[0]) * perDegree * Math.cos((a[1] * Math.PI) / 180), (b[1] - a[1]) * perDegree];
}

/** Whether a place is inside a ring of places, or at most so many metres from it. */
function near(at: [number, number], ring: [number, number][], most: number): boolean {
  const p = ring.map((r) => metres(at, r));
  let inside = false;
  let least = Infinity;
  for (let i = 0, j = p.length - 1; i < p.length; j = i++) {
    const [ax, ay] = p[i]!;
    const [bx, by] = p[j]!;
    if (ay > 0 !== by > 0 && 0 < ((bx - ax) * (0 - ay)) / (by - ay) + ax) inside = !inside;
    const [dx, dy] = [bx - ax, by - ay];
    const t = Math.max(0, Math.min(1, -(ax * dx + ay * dy) / (dx * dx + dy * dy || 1)));
    least = Math.min(least, Math.hypot(ax + t * dx, ay + t * dy));
  }
  return inside || least <= most;
}

export function sees(camera: OpeningsCamera, at: [number, number]): boolean {
  const ring = camera.cone as [number, number][];
  if (ring.length > 3) return near(at, ring, beyond);
  return Math.hypot(...metres(camera.at, at)) <= unsaid;
}

export function compare(data: OpeningsData, asked: Question): Answer {
  const cameras = data.cameras.filter((c) => sees(c, asked.at));
  const registered = new Set(data.cameras.map((c) => c.name));
  const then = data.openings.filter((o) => Date.parse(o.from) < asked.to && asked.from < Date.parse(o.to));
  return {
    sees: cameras,
    hits: then.flatMap((opening) => cameras.filter((c) => opening.cameras.includes(c.name)).map((camera) => ({ opening, camera }))),
    gone: [...new Set(then.flatMap((o) => o.cameras.filter((name) => !registered.has(name))))],
    maybe: data.unknown.filter((u) => asked.from < Date.parse(u.before)),
  };
}

/** The moments that a clock in a zone shows as a day and time: one, two when clocks go back, the next when they skip it. */
export function moments(day: string, time: string, zone: string): number[] {
  const wall = Date.parse(`${day}T${time}:00Z`);
  const offsets = [-86_400_000, 0, 86_400_000].map((d) => offset(wall + d, zone));
  const found = [...new Set(offsets.map((o) => wall - o))];
  const exact = found.filter((at) => at + offset(at, zone) === wall);
  return exact.length ? exact : found;
}

/** How far a zone's clock is ahead of UTC at a moment, ms. */
function offset(at: number, zone: string): number {
  const parts = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" }).formatToParts(at);
  const of = (type: string) => Number(parts.find((p) => p.type === type)?.value);
  return Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second")) - Math.floor(at / 1000) * 1000;
}
