// What is being drawn: a layout with a way back.
import { maxLines, maxZones, type Layout, type Line, type Point, type Zone } from "./generated.ts";
import { say } from "./texts.ts";

/** Names one point of the drawing. */
export interface Spot {
  part: "zone" | "line" | "ground";
  index: number; // of the zone or line; 0 for the ground
  point: number;
}

export class Drawing {
  layout: Layout;
  private saved: string;
  private readonly past: string[] = [];
  private readonly listeners: ((whole: boolean) => void)[] = [];

  constructor(layout: Layout) {
    this.layout = structuredClone(layout);
    this.saved = JSON.stringify(layout);
  }

  /** Calls back after every change; whole when parts or points came or went. */
  onChange(call: (whole: boolean) => void): void {
    this.listeners.push(call);
  }

  get changed(): boolean {
    return JSON.stringify(this.layout) !== this.saved;
  }

  get canUndo(): boolean {
    return this.past.length > 0;
  }

  /** Remembers the drawing as it is, to come back to. */
  keep(): void {
    const now = JSON.stringify(this.layout);
    if (this.past.at(-1) !== now) this.past.push(now);
    if (this.past.length > 200) this.past.shift();
  }

  undo(): void {
    const last = this.past.pop();
    if (!last) return;
    this.layout = { ...(JSON.parse(last) as Layout), revision: this.layout.revision };
    this.tell(true);
  }

  /** Takes the drawing that the edge has. */
  take(layout: Layout): void {
    this.layout = structuredClone(layout);
    this.saved = JSON.stringify(layout);
    this.tell(true);
  }

  edit(change: (l: Layout) => void, whole = false): void {
    change(this.layout);
    this.tell(whole);
  }

  private tell(whole: boolean): void {
    for (const call of this.listeners) call(whole);
  }

  points(part: Spot["part"], index: number): Point[] {
    const l = this.layout;
    if (part === "zone") return l.zones[index]?.corners ?? [];
    if (part === "ground") return l.ground?.picture ?? [];
    const n = l.lines[index];
    return n ? [n.from, n.to] : [];
  }

  point(s: Spot): Point | undefined {
    return this.points(s.part, s.index)[s.point];
  }

  move(s: Spot, x: number, y: number): void {
    const p = this.point(s);
    if (!p) return;
    p.x = tidy(x);
    p.y = tidy(y);
    this.tell(false);
  }

  /** Adds a corner halfway to the next; only zones can have more. Returns it. */
  insert(s: Spot): Spot | null {
    const zone = s.part === "zone" ? this.layout.zones[s.index] : undefined;
    if (!zone || zone.corners.length >= 64) return null;
    const a = zone.corners[s.point]!;
    const b = zone.corners[(s.point + 1) % zone.corners.length]!;
    this.keep();
    zone.corners.splice(s.point + 1, 0, { x: tidy((a.x + b.x) / 2), y: tidy((a.y + b.y) / 2) });
    this.tell(true);
    return { ...s, point: s.point + 1 };
  }

  /** Removes a corner; false when the zone would have too few. */
  remove(s: Spot): boolean {
    const zone = s.part === "zone" ? this.layout.zones[s.index] : undefined;
    if (!zone || zone.corners.length <= 3) return false;
    this.keep();
    zone.corners.splice(s.point, 1);
    this.tell(true);
    return true;
  }

  addZone(): number {
    if (this.layout.zones.length >= maxZones) return -1;
    this.keep();
    const zone: Zone = { name: this.free(say("edit.zone.new")), corners: [[0.35, 0.4], [0.65, 0.4], [0.65, 0.65], [0.35, 0.65]].map(([x, y]) => ({ x: x!, y: y! })) };
    this.edit((l) => l.zones.push(zone), true);
    return this.layout.zones.length - 1;
  }

  addLine(): number {
    if (this.layout.lines.length >= maxLines) return -1;
    this.keep();
    const line: Line = { name: this.free(say("edit.line.new")), from: { x: 0.5, y: 0.8 }, to: { x: 0.5, y: 0.4 } };
    this.edit((l) => l.lines.push(line), true);
    return this.layout.lines.length - 1;
  }

  addGround(): void {
    this.keep();
    this.edit((l) => {
      l.ground = {
        picture: [{ x: 0.3, y: 0.45 }, { x: 0.7, y: 0.45 }, { x: 0.85, y: 0.85 }, { x: 0.15, y: 0.85 }],
        metres: [{ x: 0, y: 20 }, { x: 20, y: 20 }, { x: 20, y: 0 }, { x: 0, y: 0 }],
      };
    }, true);
  }

  removePart(part: Spot["part"], index: number): void {
    this.keep();
    this.edit((l) => {
      if (part === "zone") l.zones.splice(index, 1);
      else if (part === "line") l.lines.splice(index, 1);
      else l.ground = null;
    }, true);
  }

  /** A name that no zone or line has yet. */
  private free(word: string): string {
    const taken = new Set([...this.layout.zones, ...this.layout.lines].map((p) => p.name));
    for (let n = 1; ; n++) if (!taken.has(`${word}-${n}`)) return `${word}-${n}`;
  }
}

/** Within the picture, to a thousandth. */
function tidy(v: number): number {
  return Math.round(Math.min(1, Math.max(0, v)) * 1000) / 1000;
}
