// The picture of the place, put together from tiles, and what of it is not shown.
import { atlasColumns, blockSize, tileSize, type Place } from "./generated.ts";

export class PlacePicture {
  readonly canvas = document.createElement("canvas");
  private readonly on = this.canvas.getContext("2d")!;
  private known = new Uint8Array(0); // a digit per tile
  private columns = 0;
  private width = 0; // of the place, pixels
  private height = 0;
  private turn = 0; // grows when what was there is forgotten
  private queue: Promise<void> = Promise.resolve();
  at = 0;

  /** Scale is 1 or a half or quarter of it: a tile then still ends where a pixel does. */
  constructor(
    private readonly changed: () => void,
    private scale: 1 | 0.5 | 0.25 = 1,
  ) {
    this.canvas.className = "scene-canvas";
    this.canvas.setAttribute("aria-hidden", "true");
  }

  /** Forgets the place; nothing is drawn until it comes whole again. */
  forget(scale: 1 | 0.5 | 0.25 = this.scale): void {
    this.turn++;
    this.scale = scale;
    this.known = new Uint8Array(0);
    this.canvas.width = this.canvas.height = this.width = this.height = 0;
  }

  /** Draws tiles in the order in which they came, though each is decoded in its own time. */
  apply(p: Place): void {
    const picture = decode(p.atlas);
    const turn = this.turn;
    this.queue = this.queue.then(async () => {
      try {
        const atlas = await picture;
        try {
          if (turn === this.turn) this.paint(p, atlas);
        } finally {
          atlas.close();
        }
      } catch {
        // A picture that cannot be decoded is not drawn: what is known stands.
      }
    });
  }

  private paint(p: Place, atlas: ImageBitmap): void {
    const columns = Math.ceil(p.w / tileSize);
    const total = columns * Math.ceil(p.h / tileSize);
    if (p.whole && (p.w !== this.width || p.h !== this.height || this.known.length !== total)) {
      this.width = p.w;
      this.height = p.h;
      this.canvas.width = Math.ceil(p.w * this.scale);
      this.canvas.height = Math.ceil(p.h * this.scale);
      this.known = new Uint8Array(total);
    }
    if (this.known.length !== total) return;
    this.columns = columns;
    const size = tileSize * this.scale;
    const count = p.whole ? total : (p.tiles?.length ?? 0);
    for (let i = 0; i < count; i++) {
      const tile = p.whole ? i : p.tiles![i]!;
      const x = (tile % columns) * size;
      const y = Math.floor(tile / columns) * size;
      const fromX = (i % atlasColumns) * tileSize;
      const fromY = Math.floor(i / atlasColumns) * tileSize;
      this.on.drawImage(atlas, fromX, fromY, tileSize, tileSize, x, y, size, size);
      this.known[tile] = Number.parseInt(p.known[i] ?? "0", 16);
    }
    this.at = p.at;
    this.changed();
  }

  get drawn(): boolean {
    return this.known.length > 0;
  }

  private hidden(x: number, y: number): boolean {
    const tile = Math.floor(y / 2) * this.columns + Math.floor(x / 2);
    return !(this.known[tile]! & (1 << ((y % 2) * 2 + (x % 2))));
  }

  /** What is not shown, as rectangles in blocks: runs of a row, joined downwards where they are alike. */
  unshown(): Rectangle[] {
    const columns = Math.ceil(this.width / blockSize);
    const rows = Math.ceil(this.height / blockSize);
    const done: Rectangle[] = [];
    let open: Rectangle[] = [];
    for (let y = 0; y < rows; y++) {
      const next: Rectangle[] = [];
      for (let x = 0; x < columns; x++) {
        if (!this.hidden(x, y)) continue;
        const run = { x, y, w: 0, h: 1 };
        for (; x < columns && this.hidden(x, y); x++) run.w++;
        const above = open.findIndex((o) => o.x === run.x && o.w === run.w);
        if (above >= 0) {
          const o = open.splice(above, 1)[0]!;
          run.y = o.y;
          run.h = o.h + 1;
        }
        next.push(run);
      }
      done.push(...open);
      open = next;
    }
    return done.concat(open);
  }
}

export interface Rectangle {
  x: number;
  y: number;
  w: number;
  h: number;
}

/** Draws the hatch, and its word where it fits: within a rectangle of at least 96 x 24 pixels, beside the names of zones and lines. */
export function hatch(overlay: SVGElement, all: Rectangle[]): void {
  const path = all.map((r) => `M${r.x * blockSize} ${r.y * blockSize}h${r.w * blockSize}v${r.h * blockSize}h-${r.w * blockSize}z`).join("");
  overlay.querySelector(".unshown")?.setAttribute("d", path);
  const word = overlay.querySelector(".unshown-word");
  const names = [...overlay.querySelectorAll("g text")].map((t) => ({ x: Number(t.getAttribute("x")), y: Number(t.getAttribute("y")) }));
  const free = (r: Rectangle) => !names.some((n) => Math.abs(n.y - middle(r).y) < 24 && Math.abs(n.x + 40 - middle(r).x) < 96);
  const best = all.filter((r) => r.w >= 12 && r.h >= 3 && free(r)).sort((a, b) => b.w * b.h - a.w * a.h)[0];
  word?.setAttribute("visibility", best ? "visible" : "hidden");
  if (best && word) {
    word.setAttribute("x", String(middle(best).x));
    word.setAttribute("y", String(middle(best).y));
  }
}

/** Where a word stands in a rectangle, pixels. */
function middle(r: Rectangle): { x: number; y: number } {
  return { x: ((2 * r.x + r.w) * blockSize) / 2, y: ((2 * r.y + r.h) * blockSize) / 2 + 5 };
}

async function decode(base64: string): Promise<ImageBitmap> {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
}
