// What a sensor measured as a chart. The same numbers stand in the table beneath it and
// in a sentence above it.
import uPlot from "uplot";
import { colour, dataOf, onScheme } from "./dom.ts";
import type { SensorChart, SensorLevel } from "./generated.ts";
import { refreshed } from "./refresh.ts";
import { hour, say } from "./texts.ts";

let shown: Chart | null = null;

function start(): void {
  shown?.end();
  const root = document.querySelector<HTMLElement>("[data-island='sensor']");
  shown = root ? new Chart(root) : null;
}

class Chart {
  private readonly data: SensorChart;
  private readonly numbers: Intl.NumberFormat;
  private readonly days: Intl.DateTimeFormat;
  private readonly watch: ResizeObserver;
  private plot: uPlot | null = null;

  constructor(private readonly root: HTMLElement) {
    this.data = dataOf<SensorChart>(root.querySelector("script"));
    const language = document.documentElement.lang || "en";
    this.numbers = new Intl.NumberFormat(language, { maximumFractionDigits: this.data.decimals });
    this.days = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: this.data.zone });
    this.draw();
    this.watch = new ResizeObserver(() => this.plot?.setSize({ width: this.root.clientWidth, height: 280 }));
    this.watch.observe(root);
  }

  draw(): void {
    this.plot?.destroy();
    const d = this.data;
    const times = d.values.map((_, i) => (d.from + i * d.step) / 1000);
    this.plot = new uPlot(this.options(times), [times, d.values, ...(d.bars ? [] : [d.least, d.most])] as uPlot.AlignedData, (u, ready) => {
      this.root.prepend(u.root);
      ready();
    });
  }

  end(): void {
    this.watch.disconnect();
    this.plot?.destroy();
  }

  private options(times: number[]): uPlot.Options {
    const d = this.data;
    const ink = colour("soft");
    const line = colour("line");
    const stroke = colour("person");
    const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "14px system-ui" };
    const [low, high] = this.reach();
    const value = (_u: uPlot, v: number | null) => (v === null ? "–" : this.worded(v));
    const end = times.at(-1)! + d.step / 1000;
    return {
      width: this.root.clientWidth,
      height: 280,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), d.zone),
      scales: { x: { time: true, min: times[0], max: end }, y: { range: [low, high] } },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      axes: [
        { ...axis, space: 64, values: (_u, at) => at.map((t) => (d.range === "day" ? hour(t * 1000, d.zone) : this.days.format(t * 1000))) },
        { ...axis, size: 64, incrs: d.bars && !d.decimals ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] : undefined, values: (_u, v) => v.map((n) => this.numbers.format(n)) },
      ],
      series: [
        { label: say("counts.time"), value: (_u, at) => (at === null ? "–" : this.timeOf(at * 1000)) },
        d.bars
          ? { label: say("sensor.sum"), stroke, fill: fade(stroke, 0.4), width: 1, paths: uPlot.paths.bars!({ size: [0.8, 64], align: 1 }), points: { show: false }, value }
          : { label: say("sensor.mean"), stroke, width: 2, points: { show: times.length < 60, size: 5 }, value },
        ...(d.bars ? [] : [say("sensor.least"), say("sensor.most")]).map((label) => ({ label, stroke: fade(stroke, 0.45), width: 1, points: { show: false }, value })),
      ],
      bands: d.bars ? [] : [{ series: [3, 2], fill: fade(stroke, 0.14) }],
      hooks: { draw: [(u) => this.levels(u, low, high)] },
      legend: { live: true, markers: { width: 2 } },
    };
  }

  /** From the least to the most, with the thresholds that are near. */
  private reach(): [number, number] {
    const d = this.data;
    const all = [...d.values, ...(d.bars ? [] : [...d.least, ...d.most])].filter((v): v is number => v !== null);
    let low = Math.min(0, ...all);
    let high = Math.max(...all, low);
    const least = Math.min(...all);
    if (low === 0 && least > high / 2) low = least - (high - least || 1); // levels far from zero, such as decibels
    const alarms = d.thresholds.filter((t) => t.alarm && t.value <= 3 * high + 1);
    const bands = d.thresholds.filter((t) => !t.alarm && t.value <= 1.5 * high);
    high = Math.max(high, ...alarms.map((t) => t.value), ...bands.map((t) => t.value));
    const room = (high - low || 1) * 0.08;
    return [low < 0 || low > 0 ? low - room : 0, high + room];
  }

  private timeOf(at: number): string {
    const d = this.data;
    const hours = `${hour(at, d.zone)}–${hour(at + d.step, d.zone)}`;
    if (d.step >= 86_400_000) return this.days.format(at);
    return d.range === "day" ? hours : `${this.days.format(at)} ${hours}`;
  }

  private worded(v: number): string {
    return `${this.numbers.format(v)} ${this.data.unit}`.trim();
  }

  /** Thresholds as lines: those of alarms strong, those between bands of an index thin. */
  private levels(u: uPlot, low: number, high: number): void {
    u.ctx.save();
    for (const t of this.data.thresholds) {
      if (t.value < low || t.value > high) continue;
      this.level(u, t);
    }
    u.ctx.restore();
  }

  private level(u: uPlot, t: SensorLevel): void {
    const y = Math.round(u.valToPos(t.value, "y", true)) + 0.5;
    u.ctx.strokeStyle = colour(t.alarm ? "stopped" : "soft");
    u.ctx.lineWidth = (t.alarm ? 1.5 : 1) * devicePixelRatio;
    u.ctx.setLineDash(t.alarm ? [8, 4] : [2, 4]);
    u.ctx.beginPath();
    u.ctx.moveTo(u.bbox.left, y);
    u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
    u.ctx.stroke();
  }
}

/** The same colour, partly see-through. */
function fade(rgb: string, share: number): string {
  return rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${share})`);
}

start();
onScheme(() => shown?.draw());
document.getElementById("series")?.addEventListener(refreshed, start);
