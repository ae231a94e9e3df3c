// The drawing on the picture, with a handle per point: by mouse, finger and keyboard.
import { draw, make, one } from "./dom.ts";
import type { Drawing, Spot } from "./drawing.ts";
import type { EditorData, Point } from "./generated.ts";
import { say } from "./texts.ts";

type Part = Spot["part"];

export class Handles {
  private readonly svg: SVGSVGElement;
  private readonly layer: HTMLElement;
  private readonly shapes = draw("g");
  private readonly buttons = new Map<string, HTMLButtonElement>();
  private chosen: { part: Part; index: number } | null = null;
  private readonly spoken: HTMLElement;
  onChoose: (part: Part, index: number) => void = () => {};

  constructor(
    private readonly box: HTMLElement,
    private readonly data: EditorData,
    private readonly drawing: Drawing,
  ) {
    this.svg = one<SVGSVGElement>(".scene-lines", box);
    for (const old of this.svg.querySelectorAll(".zone, .line")) old.remove();
    this.svg.append(this.shapes);
    this.layer = make("div", { class: "handles" });
    this.spoken = make("p", { class: "unseen", "aria-live": "polite" });
    box.append(this.layer, this.spoken);
    drawing.onChange((whole) => (whole ? this.rebuild() : this.redraw()));
    this.rebuild();
  }

  choose(part: Part, index: number): void {
    this.chosen = { part, index };
    this.rebuild();
  }

  focus(s: Spot): void {
    this.buttons.get(key(s))?.focus();
  }

  private parts(): { part: Part; index: number; name: string }[] {
    const l = this.drawing.layout;
    return [
      ...l.zones.map((z, index) => ({ part: "zone" as const, index, name: z.name })),
      ...l.lines.map((n, index) => ({ part: "line" as const, index, name: n.name })),
      ...(l.ground ? [{ part: "ground" as const, index: 0, name: say("edit.ground") }] : []),
    ];
  }

  private rebuild(): void {
    const focused = [...this.buttons].find(([, b]) => b === document.activeElement)?.[0];
    this.layer.replaceChildren();
    this.buttons.clear();
    for (const p of this.parts()) {
      const points = this.drawing.points(p.part, p.index);
      points.forEach((_, point) => this.addHandle({ ...p, point }, p.name));
      if (p.part === "zone") points.forEach((_, point) => this.addBetween({ ...p, point }, p.name));
    }
    this.redraw();
    if (focused) this.buttons.get(focused)?.focus();
  }

  private addHandle(s: Spot, name: string): void {
    const b = make("button", {
      type: "button", class: `handle handle-${s.part}`, "data-spot": key(s), "aria-describedby": "edit-keys",
      onpointerdown: (e: Event) => this.grab(e as PointerEvent, s),
      onkeydown: (e: Event) => this.key(e as KeyboardEvent, s, name),
      onfocus: () => this.onChoose(s.part, s.index),
    });
    if (s.part === "ground") b.textContent = String(s.point + 1);
    this.buttons.set(key(s), b);
    this.layer.append(b);
  }

  /** A smaller handle halfway to the next corner; dragging it makes a corner of it. Keyboards have I for that. */
  private addBetween(s: Spot, name: string): void {
    const names = { a: s.point + 1, b: ((s.point + 1) % this.drawing.points("zone", s.index).length) + 1, name };
    const b = make("button", {
      type: "button", class: "handle handle-between", tabindex: -1, "aria-label": say("edit.newpoint", names),
      onpointerdown: (e: Event) => {
        const added = this.drawing.insert(s);
        if (added) this.grab(e as PointerEvent, added);
      },
    });
    this.buttons.set(`${key(s)}+`, b);
    this.layer.append(b);
  }

  private redraw(): void {
    const { width, height } = this.data;
    const at = (p: Point) => `${(p.x * width).toFixed(1)},${(p.y * height).toFixed(1)}`;
    const groups = this.parts().map(({ part, index, name }) => {
      const points = this.drawing.points(part, index);
      const here = this.chosen?.part === part && this.chosen.index === index;
      const group = draw("g", { class: part === "ground" ? "ground-shape" : part + (here ? " is-chosen" : "") });
      if (part === "line") group.append(draw("polyline", { points: points.map(at).join(" ") }), this.arrow(points));
      else group.append(draw("polygon", { points: points.map(at).join(" ") }));
      const top = points.reduce((a, b) => (b.y < a.y ? b : a), points[0]!);
      if (part !== "ground") group.append(draw("text", { x: Math.min(top.x * width + 16, width - 80), y: Math.max(top.y * height - 12, 20) }, name.replaceAll("-", " ")));
      points.forEach((p, point) => this.put({ part, index, point }, p, name));
      if (part === "zone") points.forEach((p, point) => this.putBetween({ part, index, point }, p, points[(point + 1) % points.length]!));
      return group;
    });
    this.shapes.replaceChildren(...groups);
  }

  private arrow([a, b]: Point[]): SVGElement {
    const { width, height } = this.data;
    const [ax, ay, bx, by] = [a!.x * width, a!.y * height, b!.x * width, b!.y * height];
    const length = Math.hypot(bx - ax, by - ay) || 1;
    const [mx, my] = [(ax + bx) / 2, (ay + by) / 2];
    return draw("path", { class: "way", "marker-end": "url(#arrow)", d: `M${mx} ${my}l${(-(by - ay) / length) * 24} ${((bx - ax) / length) * 24}` });
  }

  private put(s: Spot, p: Point, name: string): void {
    const b = this.buttons.get(key(s));
    if (!b) return;
    b.style.left = `${p.x * 100}%`;
    b.style.top = `${p.y * 100}%`;
    b.setAttribute("aria-label", say("edit.point", { n: s.point + 1, name, x: Math.round(p.x * 100), y: Math.round(p.y * 100) }));
  }

  private putBetween(s: Spot, p: Point, q: Point): void {
    const b = this.buttons.get(`${key(s)}+`);
    if (!b) return;
    b.style.left = `${(p.x + q.x) * 50}%`;
    b.style.top = `${(p.y + q.y) * 50}%`;
  }

  private grab(e: PointerEvent, s: Spot): void {
    if (e.button !== 0) return;
    e.preventDefault();
    const handle = this.buttons.get(key(s));
    if (!handle) return;
    handle.focus();
    this.drawing.keep();
    const area = this.box.getBoundingClientRect();
    const move = (m: PointerEvent) => {
      if (m.pointerId === e.pointerId) this.drawing.move(s, (m.clientX - area.left) / area.width, (m.clientY - area.top) / area.height);
    };
    const end = (m: PointerEvent) => {
      if (m.pointerId !== e.pointerId) return;
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", end);
      window.removeEventListener("pointercancel", end);
    };
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", end);
    window.addEventListener("pointercancel", end);
  }

  private key(e: KeyboardEvent, s: Spot, name: string): void {
    const step = e.shiftKey ? 0.002 : 0.01;
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const p = this.drawing.point(s);
    if (!p) return;
    if (by) {
      if (!e.repeat) this.drawing.keep();
      this.drawing.move(s, p.x + by[0]! * step, p.y + by[1]! * step);
      this.speak(say("edit.moved", { x: Math.round(p.x * 100), y: Math.round(p.y * 100) }));
    } else if (e.key === "i" || e.key === "I" || e.key === "Insert") {
      const added = this.drawing.insert(s);
      if (added) this.focus(added);
    } else if (e.key === "Delete" || e.key === "Backspace") {
      const removed = this.drawing.remove(s);
      this.speak(say(removed ? "edit.deleted" : s.part === "zone" ? "edit.fewest" : "edit.fewest", { name }));
      if (removed) this.focus({ ...s, point: Math.max(0, s.point - 1) });
    } else return;
    e.preventDefault();
  }

  private speak(words: string): void {
    this.spoken.textContent = words;
  }
}

function key(s: Spot): string {
  return `${s.part}-${s.index}-${s.point}`;
}
