// From places on the ground in metres to the picture, by four known points.
import type { Ground, Metres, Point } from "./generated.ts";

type Matrix = [number, number, number, number, number, number, number, number, number];

/** Maps metres to the picture (0 to 1 in both directions). */
export function toPicture(g: Ground): (x: number, y: number) => Point {
  const h = homography(
    g.metres.map((m) => [m.x, m.y] as const),
    g.picture.map((p) => [p.x, p.y] as const),
  );
  return (x, y) => {
    const w = h[6] * x + h[7] * y + h[8];
    return { x: (h[0] * x + h[1] * y + h[2]) / w, y: (h[3] * x + h[4] * y + h[5]) / w };
  };
}

/** Where the grid of half metres begins: 250 m west and south of the four points (camera/measure, Plane.Origin). */
export function gridOrigin(g: Ground): Metres {
  const least = (values: number[]) => Math.floor(Math.min(...values)) - 250;
  return { x: least(g.metres.map((m) => m.x)), y: least(g.metres.map((m) => m.y)) };
}

/** The projective map that takes four points to four others (Hartley and Zisserman, 2004, 4.1): eight equations, h33 = 1. */
function homography(from: (readonly [number, number])[], to: (readonly [number, number])[]): Matrix {
  const rows: number[][] = [];
  for (let i = 0; i < 4; i++) {
    const [x, y] = from[i] ?? [0, 0];
    const [u, v] = to[i] ?? [0, 0];
    rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y, u], [0, 0, 0, x, y, 1, -v * x, -v * y, v]);
  }
  const s = solve(rows);
  return [...s, 1] as Matrix;
}

/** Gauss's elimination with pivots; rows hold the right side last. */
function solve(rows: number[][]): number[] {
  const n = rows.length;
  for (let c = 0; c < n; c++) {
    let best = c;
    for (let r = c + 1; r < n; r++) if (Math.abs(rows[r]![c]!) > Math.abs(rows[best]![c]!)) best = r;
    [rows[c], rows[best]] = [rows[best]!, rows[c]!];
    const pivot = rows[c]!;
    for (let r = 0; r < n; r++) {
      if (r === c) continue;
      const f = rows[r]![c]! / pivot[c]!;
      for (let k = c; k <= n; k++) rows[r]![k]! -= f * pivot[k]!;
    }
  }
  return rows.map((row, i) => row[n]! / row[i]!);
}
