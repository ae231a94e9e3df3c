// Marks: rectangles over time on a clip. Positions are in ten-thousandths of the picture;
// between two of them a mark goes in a straight line (docs/formats/case.md).
import { draw } from "/words.js";

export const WHOLE = 10_000;
const LEAST = 100;

/** Where a mark is at a time, or null. As Mark.At in Go. */
export function at(m, t) {
  if (t < m.from || t >= m.to) return null;
  const after = m.keys.findIndex((k) => k.at >= t);
  if (after === 0) return { ...m.keys[0] };
  if (after < 0) return { ...m.keys[m.keys.length - 1] };
  const b = m.keys[after], a = m.keys[after - 1];
  const between = (x, y) => x + Math.trunc(((y - x) * (t - a.at)) / (b.at - a.at));
  return { at: t, height: between(a.height, b.height), left: between(a.left, b.left), top: between(a.top, b.top), width: between(a.width, b.width) };
}

/** A position that lies within the picture. */
export function inside(k) {
  const clamp = (v, low, high) => Math.round(Math.max(low, Math.min(high, v)));
  const width = clamp(k.width, LEAST, WHOLE), height = clamp(k.height, LEAST, WHOLE);
  return { at: Math.round(k.at), height, left: clamp(k.left, 0, WHOLE - width), top: clamp(k.top, 0, WHOLE - height), width };
}

/** Sets a mark's position at a time; times outside of it make it longer. */
export function put(m, t, k) {
  t = Math.round(t);
  m.from = Math.min(m.from, t);
  m.to = Math.max(m.to, t + 1);
  const one = inside({ ...k, at: t });
  const i = m.keys.findIndex((o) => o.at >= t);
  if (i < 0) m.keys.push(one);
  else if (m.keys[i].at === t) m.keys[i] = one;
  else m.keys.splice(i, 0, one);
}

/** Lets a mark last from one time to another, and drops positions outside. */
export function last(m, from, to) {
  from = Math.round(from);
  to = Math.round(to);
  if (to <= from) return;
  const first = at(m, Math.max(m.from, Math.min(m.to - 1, from)));
  m.from = from;
  m.to = to;
  m.keys = m.keys.filter((k) => k.at >= from && k.at <= to);
  if (!m.keys.length) m.keys = [inside({ ...first, at: from })];
}

/** Draws the marks of a clip at a time. */
export function paint(svg, marks, t, chosen) {
  const shapes = [];
  for (const m of marks) {
    const k = at(m, t);
    if (!k) continue;
    shapes.push(draw("rect", { x: k.left, y: k.top, width: k.width, height: k.height, class: m === chosen ? "chosen" : "" }));
    if (m === chosen) shapes.push(draw("rect", { x: k.left + k.width - 250, y: k.top + k.height - 350, width: 250, height: 350, class: "handle" }));
  }
  svg.replaceChildren(...shapes);
}

/** Lets a pointer draw, move and size marks on a clip. act has begin, change and end. */
export function pointing(svg, act) {
  let drag = null;
  const place = (e) => {
    const r = svg.getBoundingClientRect();
    return [((e.clientX - r.left) * WHOLE) / r.width, ((e.clientY - r.top) * WHOLE) / r.height];
  };
  svg.addEventListener("pointerdown", (e) => {
    if (e.button !== 0) return;
    const [x, y] = place(e);
    drag = act.begin(x, y);
    if (!drag) return;
    drag.x = x;
    drag.y = y;
    svg.setPointerCapture(e.pointerId);
    e.preventDefault();
  });
  svg.addEventListener("pointermove", (e) => {
    if (!drag) return;
    const [x, y] = place(e);
    const k = drag.from, dx = x - drag.x, dy = y - drag.y;
    if (drag.kind === "move") act.change({ ...k, left: k.left + dx, top: k.top + dy });
    else act.change({ ...k, width: k.width + dx, height: k.height + dy });
  });
  const up = () => { if (drag) act.end(); drag = null; };
  svg.addEventListener("pointerup", up);
  svg.addEventListener("pointercancel", up);
}
