// How many columns of tiles fill a space, so that each scene is as large as it can be.

export interface Fit {
  columns: number;
  width: number; // of a tile, pixels
  caption: number; // height of the words below a picture, pixels
  scrolls: boolean; // there is no room for all at a size at which anything can be seen
}

export const gap = 6;
const shape = 4 / 3; // of the box that a picture stands in
const least = 72; // narrower than this nothing can be told apart
const readable = 156; // where tiles scroll anyway, as on a telephone, they are at least so wide
const narrow = 640;

/** Fits n tiles into a space of width x height pixels. */
export function fit(width: number, height: number, n: number): Fit {
  let best = filled(width, height, n, 36);
  const roomy = filled(width, height, n, 52);
  if (roomy.width >= 220) best = roomy;
  if (best.width >= (width < narrow ? Math.min(readable, width) : least)) return best;
  const columns = Math.max(1, Math.floor((width + gap) / (readable + gap)));
  return { columns, width: Math.floor((width - gap * (columns - 1)) / columns), caption: 36, scrolls: true };
}

function filled(width: number, height: number, n: number, caption: number): Fit {
  let best: Fit = { columns: 1, width: 0, caption, scrolls: false };
  for (let columns = 1; columns <= n; columns++) {
    const rows = Math.ceil(n / columns);
    const across = (width - gap * (columns - 1)) / columns;
    const down = ((height - gap * (rows - 1)) / rows - caption) * shape;
    const tile = Math.floor(Math.min(across, down));
    if (tile > best.width) best = { columns, width: tile, caption, scrolls: false };
  }
  return best;
}

/** The numbers of tiles that plus and minus step through. */
export const steps = [1, 2, 4, 6, 9, 12, 16, 20, 25, 30, 36, 42, 49, 56, 64];

export function step(n: number, by: 1 | -1, most: number): number {
  const next = by > 0 ? steps.find((s) => s > n) : steps.findLast((s) => s < n);
  return Math.min(most, next ?? n);
}
