// The timeline: a row for each camera, with what is there, marks and notes.
import { draw } from "/words.js";

/** Draws what is there of [from, to). */
export function timeline(place, cameras, from, to, notes) {
  const rows = cameras.length + 1;
  place.style.setProperty("--rows", String(rows + 1));
  const svg = draw("svg", { viewBox: `0 0 10000 ${rows * 10}`, preserveAspectRatio: "none" });
  const x = (t) => Math.max(0, Math.min(10_000, ((t - from) * 10_000) / (to - from)));
  const bar = (row, a, b, kind, top = 1, height = 8) => {
    if (b <= from || a >= to) return;
    svg.append(draw("rect", { x: x(a), y: row * 10 + top, width: Math.max(6, x(b) - x(a)), height, class: kind }));
  };
  cameras.forEach((c, row) => {
    bar(row, from, to, "none");
    for (const [a, b] of spans(c.pieces)) bar(row, a, b, "have");
    for (const m of notes.marks) if (m.camera === c.camera) bar(row, m.from, m.to, "mark", 5, 4);
  });
  for (const n of notes.notes) bar(rows - 1, n.at, n.at + 1, "note");
  place.replaceChildren(svg);
}

/** Pieces that follow each other, as one. */
export function spans(pieces) {
  const list = [];
  for (const [, a, b, lacks] of pieces) {
    if (lacks) continue;
    const last = list[list.length - 1];
    if (last && a - last[1] < 1000) last[1] = Math.max(last[1], b);
    else list.push([a, b]);
  }
  return list;
}
