// What is recorded when, camera by camera, and the time that is chosen. It shows no
// picture and counts nothing. Fields say the same for who uses the keyboard.
import { draw, make } from "./dom.ts";
import type { CaseNewCamera, Problem, RecordedData } from "./generated.ts";
import { utc, words } from "./casezone.ts";
import { say } from "./texts.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const width = 1000; // of a row, in its own units
const height = 24;
const atOnce = 3; // requests
const every = 20_000; // ms between two questions about what goes on

/** What can be shown: length, parts of the axis, step of what is chosen by pointing. */
const spans = [
  { days: 1, parts: 8, step: 5 * minute },
  { days: 3, parts: 6, step: 15 * minute },
  { days: 7, parts: 7, step: hour },
  { days: 30, parts: 6, step: hour },
] as const;

/** What is known: of times before asked. */
type Known = RecordedData & { asked: number };

type Found = Known | { failed: string } | null; // null: on its way

/** What of the chosen time a camera has. */
export interface Footage {
  title: string;
  state: "all" | "gaps" | "none" | "unknown";
  gaps: [number, number][];
  destroyed: number | null; // when the oldest of it is destroyed
}

export class Timeline {
  private span: number = 1; // index of spans
  private end: number;
  private cameras: CaseNewCamera[] = [];
  private from: number | null = null;
  private to: number | null = null;
  private readonly found = new Map<string, Found>();
  private waiting: (() => Promise<void>)[] = [];
  private running = 0;
  private readonly rows = make("div", { class: "case-rows" });
  private readonly lengths: HTMLSelectElement;

  constructor(
    root: HTMLElement,
    private readonly zone: string,
    private readonly now: () => number, // by the hub's clock
    private readonly chosen: (from: number, to: number) => void,
    private readonly changed: () => void,
  ) {
    this.end = this.last;
    this.lengths = make(
      "select", { "aria-label": say("casenew.span"), autocomplete: "off", onchange: () => this.show(Number(this.lengths.value), this.end) },
      ...spans.map((s, i) => make("option", { value: i, selected: i === this.span }, say("time.days", { n: s.days }))),
    );
    const move = (by: number) => this.show(this.span, this.end + by * spans[this.span]!.days * day);
    root.append(
      make("p", { class: "case-tools" }, make("button", { type: "button", onclick: () => move(-1) }, say("casenew.earlier")), this.lengths, make("button", { type: "button", onclick: () => move(1) }, say("casenew.later"))),
      this.rows,
      make("p", { class: "case-key small" }, make("span", { class: "case-key-all" }, say("casenew.key.all")), make("span", { class: "case-key-gap" }, say("casenew.key.gap")), make("span", { class: "case-key-none" }, say("casenew.key.none")), make("span", { class: "case-key-kept" }, say("casenew.key.kept")), make("span", { class: "case-key-time" }, say("casenew.key.time"))),
    );
    this.paint();
    setInterval(() => this.renew(), every);
  }

  /** The end of the hour that goes on. */
  private get last(): number {
    return Math.ceil(this.now() / hour) * hour;
  }

  /** Asks again for what goes on; what is known stands until the answer is there. */
  private renew(): void {
    if (document.hidden || this.end < this.now()) return;
    for (const c of this.cameras) {
      const f = this.found.get(this.key(c.name));
      if (f && !("failed" in f)) this.ask(c.name);
    }
  }

  private get begin(): number {
    return this.end - spans[this.span]!.days * day;
  }

  private show(span: number, end: number): void {
    this.span = span;
    this.lengths.value = String(span);
    this.end = Math.min(end, this.last);
    this.fetch();
    this.paint();
  }

  /** Shows cameras, and the time that is chosen with all around it. */
  set(cameras: CaseNewCamera[], from: number | null, to: number | null): void {
    const moved = from !== this.from || to !== this.to;
    [this.cameras, this.from, this.to] = [cameras, from, to];
    if (moved && from !== null && to !== null && from < to && (from < this.begin || to > this.end)) {
      const fits = spans.findIndex((s, i) => i >= this.span && s.days * day >= to - from);
      this.show(fits < 0 ? spans.length - 1 : fits, Math.ceil(to / hour) * hour + hour);
      return;
    }
    this.fetch();
    this.paint();
  }

  private key(camera: string): string {
    return `${camera} ${this.begin} ${this.end}`;
  }

  private fetch(): void {
    for (const c of this.cameras) {
      const key = this.key(c.name);
      if (this.found.has(key)) continue;
      this.found.set(key, null);
      this.ask(c.name);
    }
  }

  private ask(camera: string): void {
    const key = this.key(camera);
    const address = `/cases/recorded.json?${new URLSearchParams({ camera, from: utc(this.begin), to: utc(this.end) })}`;
    this.waiting.push(async () => {
      const asked = this.now();
      const f = await ask(address);
      this.found.set(key, "failed" in f ? f : { ...f, asked });
      this.paint();
      this.changed();
    });
    while (this.running < atOnce && this.waiting.length) void this.next();
  }

  private async next(): Promise<void> {
    const task = this.waiting.shift();
    if (!task) return;
    this.running++;
    await task();
    this.running--;
    void this.next();
  }

  private again(camera: string): void {
    this.found.delete(this.key(camera));
    this.fetch();
    this.paint();
  }

  /** What each camera has of the chosen time, as far as it is known. */
  footage(): Footage[] {
    return this.cameras.map((c) => {
      const f = this.found.get(this.key(c.name));
      const unknown: Footage = { title: c.title, state: "unknown", gaps: [], destroyed: null };
      if (!f || "failed" in f || this.from === null || this.to === null || this.from >= this.to) return unknown;
      const until = Math.min(this.to, f.asked);
      const gaps = gapsOf(f.spans, this.from, until);
      const whole = gaps.length === 1 && gaps[0]![0] <= this.from && gaps[0]![1] >= until;
      const state = whole || this.from >= until ? "none" : gaps.length ? "gaps" : "all";
      return { title: c.title, state, gaps, destroyed: state === "none" || !f.keeps ? null : Math.max(this.from, f.spans[0]?.[0] ?? this.from) + f.keeps * hour };
    });
  }

  private paint(): void {
    if (!this.cameras.length) {
      this.rows.replaceChildren(make("p", { class: "empty" }, say("casenew.timeline.empty")));
      return;
    }
    const footage = this.footage();
    this.rows.replaceChildren(this.axis(), ...this.cameras.map((c, i) => this.row(c, footage[i]!)));
  }

  private axis(): HTMLElement {
    const { parts, days } = spans[this.span]!;
    const axis = make("div", { class: "case-axis small", "aria-hidden": "true" });
    axis.style.setProperty("--parts", String(parts));
    for (let i = 0; i < parts; i++) axis.append(make("span", {}, words(this.begin + (i * days * day) / parts, this.zone)));
    return axis;
  }

  private row(c: CaseNewCamera, have: Footage): HTMLElement {
    const f = this.found.get(this.key(c.name));
    const said = make("p", { class: "small" }, f && "failed" in f ? f.failed : f ? this.said(have, f) : say("casenew.loading"));
    if (f && "failed" in f) said.append(" ", make("button", { type: "button", class: "case-again", onclick: () => this.again(c.name) }, say("casenew.again")));
    const line = draw("svg", { class: "case-line", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    if (f && !("failed" in f)) line.append(...this.cells(f), ...this.keptFrom(f));
    line.append(...this.overlay());
    this.point(line);
    return make("div", { class: "case-row" }, make("h3", {}, c.title), line, said);
  }

  private x(at: number): number {
    return ((at - this.begin) / (this.end - this.begin)) * width;
  }

  private box(from: number, to: number, className: string, share = 1): SVGRectElement {
    const [a, b] = [this.x(Math.max(from, this.begin)), this.x(Math.min(to, this.end))];
    return draw("rect", { class: className, x: a.toFixed(2), y: (height * (1 - share)).toFixed(1), width: Math.max(0, b - a).toFixed(2), height: (height * share).toFixed(1) });
  }

  /** Hour by hour: full where all is recorded, half as high where there are gaps. */
  private cells(f: Known): SVGRectElement[] {
    const cells: SVGRectElement[] = [];
    let [state, since] = ["none", this.begin];
    const close = (at: number) => {
      if (state !== "none") cells.push(this.box(since, at, `case-${state}`, state === "gap" ? 0.5 : 1));
    };
    for (let at = this.begin; at < this.end; at += hour) {
      const until = Math.min(at + hour, f.asked);
      const gaps = until > at ? gapsOf(f.spans, at, until) : [[at, at + hour] as [number, number]];
      const missing = gaps.reduce((n, g) => n + g[1] - g[0], 0);
      const next = missing === 0 ? "all" : missing >= until - at ? "none" : "gap";
      if (next !== state) {
        close(at);
        [state, since] = [next, at];
      }
    }
    close(Math.min(this.end, f.asked));
    return cells;
  }

  /** Where what is older was destroyed. */
  private keptFrom(f: Known): SVGElement[] {
    const at = f.asked - f.keeps * hour;
    if (!f.keeps || at <= this.begin || at >= this.end) return [];
    const x = this.x(at).toFixed(2);
    return [draw("line", { class: "case-kept", x1: x, x2: x, y1: 0, y2: height })];
  }

  private overlay(): SVGElement[] {
    const drawn: SVGElement[] = [];
    if (this.from !== null && this.to !== null && this.from < this.to && this.to > this.begin && this.from < this.end) {
      const b = this.box(this.from, this.to, "case-time");
      b.setAttribute("width", String(Math.max(3, Number(b.getAttribute("width")))));
      drawn.push(b);
    }
    return drawn;
  }

  private said(have: Footage, f: RecordedData): string {
    if (!f.keeps) return say("casenew.has.off");
    const parts: string[] = [];
    if (have.state !== "unknown") {
      const shown = have.gaps.slice(0, 5).map(([a, b]) => say("casenew.gap", { from: words(a, this.zone), to: words(b, this.zone) }));
      if (have.gaps.length > shown.length) shown.push(say("casenew.moregaps", { n: have.gaps.length - shown.length }));
      parts.push(have.state === "gaps" ? say("casenew.has.gaps", { gaps: shown.join("; ") }) : say(have.state === "all" ? "casenew.has.all" : "casenew.has.none"));
      if (have.destroyed !== null) parts.push(say("casenew.destroyed", { time: words(have.destroyed, this.zone) }));
    }
    parts.push(say("casenew.keeps", { keeps: f.keeps % 24 ? say("time.hours", { n: f.keeps }) : say("time.days", { n: f.keeps / 24 }) }));
    return parts.join(" ");
  }

  /** Lets a pointer choose the time by drawing over a row. */
  private point(line: SVGSVGElement): void {
    line.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      const { step } = spans[this.span]!;
      const frame = line.getBoundingClientRect();
      const [begin, length, now] = [this.begin, this.end - this.begin, this.now()];
      const at = (e: PointerEvent) => Math.min(now, begin + Math.round((((e.clientX - frame.left) / frame.width) * length) / step) * step);
      const first = at(down);
      const move = (e: PointerEvent) => {
        const next = at(e);
        if (next !== first) this.chosen(Math.min(first, next), Math.max(first, next));
      };
      const up = () => {
        window.removeEventListener("pointermove", move);
        window.removeEventListener("pointerup", up);
        window.removeEventListener("pointercancel", up);
      };
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", up);
      window.addEventListener("pointercancel", up);
    });
  }
}

async function ask(address: string): Promise<RecordedData | { failed: string }> {
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (answer.ok) return (await answer.json()) as RecordedData;
    return { failed: ((await answer.json()) as Problem).message };
  } catch {
    return { failed: say("casenew.noline") };
  }
}

/** What of [from, to) no span covers. */
export function gapsOf(recorded: RecordedData["spans"], from: number, to: number): [number, number][] {
  const gaps: [number, number][] = [];
  let at = from;
  for (const [a, b] of recorded) {
    if (b <= at) continue;
    if (a >= to) break;
    if (a > at) gaps.push([at, a]);
    at = b;
  }
  if (at < to) gaps.push([at, to]);
  return gaps;
}
