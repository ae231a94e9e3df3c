// Marks over the place: drawn where they are now, faded in and out, never joined to
// a way, since nobody knows which mark is which from one update to the next.
import { stillness } from "./dom.ts";
import { figure, type Kind } from "./figures.ts";
import { classes, grids, tileSize, type Ground, type Marks } from "./generated.ts";
import { gridOrigin, toPicture } from "./ground.ts";

interface Standing {
  key: string;
  kind: Kind;
  x: number; // share of the picture's width
  y: number;
  size: number; // share of the picture's height that a person has here
}

const fade = 140; // ms

/** How marks are drawn where scenes are many and small. */
export interface MarkStyle {
  fades: boolean;
  least: number; // height of a figure, CSS pixels
}

export class MarkLayer {
  readonly canvas = document.createElement("canvas");
  private now = new Map<string, Standing>();
  private before = new Map<string, Standing>();
  private since = 0;
  private frame = 0;
  private project: ((x: number, y: number) => { x: number; y: number }) | null = null;
  private origin = { x: 0, y: 0 };

  constructor(
    private width: number,
    private height: number,
    ground: Ground | null | undefined,
    private readonly style: MarkStyle = { fades: true, least: 0 },
  ) {
    this.canvas.className = "scene-marks";
    this.canvas.setAttribute("aria-hidden", "true");
    this.setPlace(width, height, ground);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
  }

  /** Marks are of another place from now on. */
  setPlace(width: number, height: number, ground: Ground | null | undefined): void {
    this.width = width;
    this.height = height;
    this.project = ground ? toPicture(ground) : null;
    this.origin = ground ? gridOrigin(ground) : { x: 0, y: 0 };
  }

  show(m: Marks): void {
    this.before = this.now;
    this.now = new Map();
    for (let i = 0; i + 2 < m.marks.length; i += 3) {
      const s = this.place(m.grid, m.marks[i]!, m.marks[i + 1]!, m.marks[i + 2]!);
      if (s) this.now.set(s.key, s);
    }
    this.since = performance.now();
    this.paintSoon();
  }

  clear(): void {
    this.before.clear();
    this.now.clear();
    this.paintSoon();
  }

  private place(grid: number, c: number, column: number, row: number): Standing | null {
    const kind = classes[c as keyof typeof classes];
    if (!kind || kind === "thing") return null;
    const key = `${c}:${column}:${row}`;
    if (grid === grids.pixels16) {
      const y = ((row + 1) * tileSize) / this.height;
      return { key, kind, x: ((column + 0.5) * tileSize) / this.width, y, size: 0.05 + 0.06 * y };
    }
    if (!this.project) return null; // half metres without a ground cannot be placed
    const east = this.origin.x + (column + 0.5) / 2;
    const north = this.origin.y + (row + 0.5) / 2;
    const at = this.project(east, north);
    const ratio = this.width / this.height;
    const metre = Math.max(
      ...[this.project(east + 1, north), this.project(east, north + 1)].map((p) => Math.hypot((p.x - at.x) * ratio, p.y - at.y)),
    );
    return { key, kind, x: at.x, y: at.y, size: Math.min(0.4, Math.max(0.03, 1.7 * metre)) };
  }

  private fit(): void {
    const scale = Math.min(devicePixelRatio, 2);
    this.canvas.width = Math.round(this.canvas.clientWidth * scale);
    this.canvas.height = Math.round(this.canvas.clientHeight * scale);
    this.paintSoon();
  }

  private paintSoon(): void {
    this.frame ||= requestAnimationFrame((t) => {
      this.frame = 0;
      this.paint(t);
    });
  }

  private paint(time: number): void {
    const on = this.canvas.getContext("2d")!;
    on.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const share = stillness.matches || !this.style.fades ? 1 : Math.min(1, Math.max(0, (time - this.since) / fade));
    const all: [Standing, number][] = [];
    for (const s of this.now.values()) all.push([s, this.before.has(s.key) ? 1 : 0.6 + 0.4 * share]);
    if (share < 1) for (const s of this.before.values()) if (!this.now.has(s.key)) all.push([s, 0.3 * (1 - share)]); // faint, so that nobody is seen twice
    const least = this.style.least * Math.min(devicePixelRatio, 2);
    all.sort((a, b) => a[0].y - b[0].y); // who stands nearer is drawn over who stands behind
    for (const [s, alpha] of all) {
      figure(on, s.kind, s.x * this.canvas.width, s.y * this.canvas.height, Math.max(least, s.size * this.canvas.height), alpha);
    }
    if (share < 1) this.paintSoon();
  }
}

/** How many there are of each kind. */
export function tally(m: Marks): Map<Kind, number> {
  const found = new Map<Kind, number>();
  for (let i = 0; i < m.marks.length; i += 3) {
    const kind = classes[m.marks[i] as keyof typeof classes];
    if (kind && kind !== "thing") found.set(kind, (found.get(kind) ?? 0) + 1);
  }
  return found;
}
