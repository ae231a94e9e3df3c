// The public record: openings and refusals by month as a chart (the same numbers stand in
// the table beneath it), and statements that are handed in.
import uPlot from "uplot";
import { colour, dataOf, make, onScheme } from "./dom.ts";
import type { RecordChart } from "./generated.ts";
import { number, say } from "./texts.ts";

const height = 220;

class Chart {
  private readonly data: RecordChart;
  private plot: uPlot | null = null;

  constructor(private readonly root: HTMLElement) {
    this.data = dataOf<RecordChart>(root.querySelector("script"));
    this.draw();
    new ResizeObserver(() => this.plot?.setSize({ width: root.clientWidth, height })).observe(root);
    onScheme(() => this.draw());
  }

  private draw(): void {
    this.plot?.destroy();
    const d = this.data;
    this.plot = new uPlot(this.options(), [d.months.map((_, i) => i), d.opened, d.refused], (u, ready) => {
      this.root.prepend(u.root);
      ready();
    });
  }

  private options(): uPlot.Options {
    const d = this.data;
    const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { stroke: colour("line"), width: 1 }, font: "14px system-ui" };
    const most = Math.max(4, ...d.opened, ...d.refused);
    const bars = (label: string, name: string, align: -1 | 1): uPlot.Series => {
      const stroke = colour(name);
      return {
        label, stroke, fill: stroke.replace(/^rgb\((.*)\)$/, "rgba($1, 0.45)"), width: 1, points: { show: false },
        paths: uPlot.paths.bars!({ size: [0.35, 40], align }), value: (_u, v) => (v === null ? "–" : number(v)),
      };
    };
    return {
      width: this.root.clientWidth,
      height,
      scales: { x: { time: false, min: -0.6, max: Math.max(d.months.length, 6) - 0.4 }, y: { range: [0, most * 1.08] } },
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      axes: [
        { ...axis, grid: { show: false }, space: 96, incrs: [1, 2, 3, 6, 12], values: (_u, at) => at.map((i) => d.months[i] ?? "") },
        { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], values: (_u, v) => v.map(number) },
      ],
      series: [
        { label: say("record.chart.month"), value: (_u, at) => (at === null ? "–" : (d.months[at] ?? "–")) },
        bars(say("record.chart.opened"), "person", -1),
        bars(say("record.chart.refused"), "bicycle", 1),
      ],
      legend: { live: true, markers: { width: 2 } },
    };
  }
}

/** What came of what was handed in (docs/formats/ledger.md). */
interface HandedIn {
  entries?: Taken[];
  stopped?: string;
  detail?: string; // of a problem with all of it
}

interface Taken {
  index?: number;
  refused?: string;
}

/** A file goes to the log as it is; the answer says of each statement in it what came of it. */
function statements(form: HTMLFormElement): void {
  const file = form.querySelector<HTMLInputElement>("input")!;
  const button = form.querySelector("button")!;
  const told = form.querySelector<HTMLElement>("[role='status']")!;
  form.hidden = false;
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const chosen = file.files?.[0];
    if (!chosen) return;
    button.disabled = true;
    told.textContent = say("record.statement.sending");
    try {
      const answer = await fetch(form.dataset.to!, { method: "POST", body: chosen, headers: { "Content-Type": "application/octet-stream" } });
      const said = (await answer.json().catch(() => ({}))) as HandedIn;
      if (said.entries?.length) show(told, said.entries, said.stopped);
      else told.textContent = say("record.statement.failed", { why: said.detail ?? String(answer.status) });
    } catch {
      told.textContent = say("record.statement.failed", { why: say("record.statement.lost") });
    }
    button.disabled = false;
  });
}

function show(told: HTMLElement, all: Taken[], stopped?: string): void {
  const refused = all.filter((t) => t.refused).length;
  const words = [
    all.length > refused && say("record.statement.taken", { n: all.length - refused }),
    refused > 0 && say("record.statement.refused", { n: refused }),
    stopped && say("record.statement.stopped", { why: stopped }),
  ].filter(Boolean);
  const items = all.map((t, i) =>
    t.refused ? make("li", {}, say("record.statement.why", { i: i + 1, why: t.refused })) : make("li", {}, make("a", { href: `/record/entry/${t.index}` }, say("record.statement.one", { i: i + 1, index: String(t.index) }))),
  );
  told.replaceChildren(make("p", {}, words.join(" ")), make("ul", { class: "facts" }, ...items.slice(0, 100)));
}

const chart = document.querySelector<HTMLElement>("[data-island='record']");
if (chart) new Chart(chart);
const form = document.querySelector<HTMLFormElement>("[data-island='statement']");
if (form) statements(form);
