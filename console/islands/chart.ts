// Counts over a day as a chart. The same numbers stand in the table beneath it and in
// a sentence above it.
import uPlot from "uplot";
import { colour, dataOf, make, onScheme } from "./dom.ts";
import type { ChartData, ChartLine } from "./generated.ts";
import { refreshed } from "./refresh.ts";
import { momentShown } from "./slider.ts";
import { hour, number, say } from "./texts.ts";

export function charts(): void {
  let shown: Chart | null = null;
  const start = () => {
    const root = document.querySelector<HTMLElement>("[data-island='chart']");
    shown?.end();
    shown = root ? new Chart(root) : null;
  };
  start();
  onScheme(() => shown?.again());
  document.addEventListener(momentShown, (e) => shown?.point((e as CustomEvent<number>).detail));
  document.getElementById("counts")?.addEventListener(refreshed, start);
}

class Chart {
  private readonly data: ChartData;
  private plot: uPlot | null = null;
  private readonly watch: ResizeObserver;
  private moment: number | null = null;

  constructor(private readonly root: HTMLElement) {
    this.data = dataOf<ChartData>(root.querySelector("script"));
    this.draw();
    if (this.data.lines.some((l) => l.withheld.length)) {
      root.append(make("p", { class: "chart-key" }, say("counts.withheld.key", { n: this.data.threshold })));
    }
    this.watch = new ResizeObserver(() => this.plot?.setSize({ width: this.root.clientWidth, height: 240 }));
    this.watch.observe(root);
  }

  again(): void {
    this.draw();
  }

  /** Puts the cursor, and so the numbers beneath, at a moment. */
  point(moment: number): void {
    this.moment = moment;
    if (!this.plot) return;
    this.plot.setCursor({ left: this.plot.valToPos(moment / 1000, "x"), top: 0 }, false);
  }

  end(): void {
    this.watch.disconnect();
    this.plot?.destroy();
  }

  private draw(): void {
    this.plot?.destroy();
    const d = this.data;
    // Two points a step, at its beginning and its end: so each is seen in its whole
    // length, also one that stands alone.
    const steps = Math.max(0, ...d.lines.map((l) => l.values.length));
    const times = Array.from({ length: 2 * steps }, (_, i) => (d.from + (stepOf(i) + (i % 2)) * d.step - (i % 2)) / 1000);
    const values = d.lines.map((l) => times.map((_, i) => l.values[stepOf(i)] ?? null));
    this.plot = new uPlot(this.options(times), [times, ...values] as uPlot.AlignedData, (u, ready) => {
      this.root.prepend(u.root);
      ready();
    });
  }

  private options(times: number[]): uPlot.Options {
    const d = this.data;
    const ink = colour("soft");
    const line = colour("line");
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "14px system-ui" };
    const top = Math.max(4, d.threshold * 2, ...d.lines.flatMap((l) => l.values.map((v) => v ?? 0)));
    return {
      width: this.root.clientWidth,
      height: 240,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), d.zone),
      scales: { x: { time: true, min: times[0], max: times.at(-1) }, y: { range: [0, top * 1.08] } },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      axes: [
        { ...axis, space: 56, values: (_u, at) => at.map((t) => hour(t * 1000, d.zone)) },
        { ...axis, size: 44, incrs: d.whole ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] : undefined, values: (_u, v) => v.map(number) },
      ],
      series: [
        { label: say("counts.time"), value: (_u, at, _s, i) => (at === null || i === null ? "–" : this.timeOf(stepOf(i))) },
        ...d.lines.map((l) => this.series(l)),
      ],
      hooks: { drawAxes: [(u) => this.withheld(u)], ready: [() => this.moment !== null && this.point(this.moment)] },
      legend: { live: true, markers: { width: 2, dash: (_u, i) => (d.lines[i - 1]?.dashed ? "dashed" : "solid") } },
    };
  }

  private timeOf(step: number): string {
    const from = this.data.from + step * this.data.step;
    return `${hour(from, this.data.zone)}–${hour(from + this.data.step, this.data.zone)}`;
  }

  private series(l: ChartLine): uPlot.Series {
    const stroke = colour(l.class);
    return {
      label: l.name,
      stroke,
      width: 2,
      dash: l.dashed ? [6, 4] : undefined,
      fill: this.data.lines[0] === l ? fade(stroke) : undefined,
      points: { show: false },
      value: (_u, v, _s, i) => (i !== null && l.withheld.includes(stepOf(i)) ? say("counts.fewer", { n: this.data.threshold }) : v === null ? "–" : number(v)),
    };
  }

  /** Steps whose number is too small to be published, as a quiet band up to the threshold. */
  private withheld(u: uPlot): void {
    const d = this.data;
    const steps = new Set(d.lines.filter((l) => l.class === "person").flatMap((l) => l.withheld));
    if (!steps.size) return;
    u.ctx.save();
    u.ctx.fillStyle = colour("line");
    const y = u.valToPos(d.threshold, "y", true);
    const bottom = u.bbox.top + u.bbox.height;
    for (const i of steps) {
      const x = u.valToPos((d.from + i * d.step) / 1000, "x", true);
      const end = u.valToPos((d.from + (i + 1) * d.step) / 1000, "x", true);
      u.ctx.fillRect(x, y, end - x - 1, bottom - y);
    }
    u.ctx.restore();
  }
}

/** The step that a point of the chart is of. */
function stepOf(i: number): number {
  return Math.floor(i / 2);
}

/** The same colour, mostly see-through. */
function fade(rgb: string): string {
  return rgb.replace(/^rgb\((.*)\)$/, "rgba($1, 0.14)");
}
