// The day's slider: moves the scene through the day. What is shown stands in the
// page's address.
import { dataOf, make, one } from "./dom.ts";
import type { ChartData, SceneData } from "./generated.ts";
import type { Scene } from "./scene.ts";
import { hour, list, say, type Key } from "./texts.ts";

const minute = 60_000;

/** Told with the moment that is shown, ms since 1970. */
export const momentShown = "polity:moment";

export class Slider {
  private readonly range: HTMLInputElement;
  private mark: SVGPathElement;
  private readonly read: HTMLElement;
  private readonly liveButton: HTMLButtonElement;
  private timer: number | undefined;
  private loaded = Date.now();

  constructor(
    private readonly root: HTMLElement,
    private readonly scene: Scene,
    private data: SceneData,
  ) {
    this.mark = one(".strip-now", root);
    this.range = make("input", {
      type: "range", min: data.first, max: data.end - 1, step: 1, "aria-label": say("slider.range"),
      oninput: () => this.moved(), onkeydown: (e: Event) => this.hours(e as KeyboardEvent),
    });
    one(".strip-chart", root).after(this.range);
    this.read = make("output", { class: "slider-read small" });
    this.liveButton = make("button", { type: "button", onclick: () => this.newest() }, say(data.public ? "slider.latest" : "slider.live"));
    one(".slider-form", root).replaceChildren(this.liveButton, this.read, make("span", { class: "small slider-keys" }, say("slider.keys")));
    root.addEventListener("keydown", (e) => this.keys(e)); // only here, so that no letter is taken from anybody else
    if (data.at >= 0) this.stand(data.at); // the server has drawn that moment
    else this.begin();
    setInterval(() => this.follow(), 10_000);
  }

  private begin(): void {
    this.place(this.data.last);
    this.read.textContent = "";
    this.liveButton.disabled = true;
    if (this.data.live && this.data.width) this.scene.live();
  }

  /** The last minute that can be shown moves on by itself. */
  private get last(): number {
    if (this.data.last < this.data.minutes - 1 || this.data.live) {
      const passed = Math.floor((Date.now() - this.loaded) / minute);
      return Math.min(this.data.end - 1, this.data.last + passed);
    }
    return this.data.last;
  }

  private follow(): void {
    if (this.liveButton.disabled && this.data.at < 0) this.place(this.last);
  }

  /** Takes what the server has drawn since, while the newest is shown. */
  renew(page: Document): void {
    const strip = page.querySelector(".strip-chart");
    const hours = page.querySelector(".slider-hours");
    if (!strip || !hours || !page.getElementById("scene-data")) return;
    const now = one(".strip-chart", this.root);
    now.setAttribute("viewBox", strip.getAttribute("viewBox")!);
    now.setAttribute("aria-label", strip.getAttribute("aria-label")!);
    now.replaceChildren(...strip.childNodes);
    one(".slider-hours", this.root).replaceChildren(...hours.childNodes);
    this.mark = one(".strip-now", this.root);
    this.data = { ...dataOf<SceneData>(page.getElementById("scene-data")), at: this.data.at };
    this.loaded = Date.now();
    this.range.min = String(this.data.first);
    this.range.max = String(this.data.end - 1);
    this.place(this.last);
  }

  private newest(): void {
    const address = new URL(location.href);
    address.searchParams.delete("at");
    address.searchParams.delete("day");
    location.assign(address); // what was counted meanwhile comes along
  }

  private moved(): void {
    this.go(Math.min(Number(this.range.value), this.last));
  }

  /** Puts the slider at a minute of the past and says so. */
  private stand(at: number): number {
    this.place(at);
    this.liveButton.disabled = false;
    this.data.at = at;
    const moment = this.data.day + at * minute;
    this.read.textContent = hour(moment, this.data.zone);
    this.range.setAttribute("aria-valuetext", `${hour(moment, this.data.zone)}. ${countsAt(this.data.counts, moment)}`);
    document.dispatchEvent(new CustomEvent(momentShown, { detail: moment }));
    return moment;
  }

  private go(at: number): void {
    const moment = this.stand(at);
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.show(moment), 120);
  }

  private show(moment: number): void {
    const as = this.data.public && new URLSearchParams(location.search).get("as") ? "&as=public" : "";
    this.scene.show(`/cameras/${this.data.camera}/place.jpg?at=${moment}${as}`, `${countsAt(this.data.counts, moment)} ${say("scene.still")}`);
    const address = new URL(location.href);
    address.searchParams.delete("day");
    address.searchParams.set("at", localTime(moment, this.data.zone));
    history.replaceState(null, "", address);
  }

  private place(at: number): void {
    this.range.value = String(at);
    this.mark.setAttribute("d", `M${at} 0V48`);
  }

  /** Page up and down move by an hour; browsers move by a tenth of the day. */
  private hours(e: KeyboardEvent): void {
    const by = { PageUp: 60, PageDown: -60 }[e.key];
    if (by === undefined) return;
    e.preventDefault();
    this.go(Math.max(this.data.first, Math.min(this.last, Number(this.range.value) + by)));
  }

  private keys(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey || (e.target as Element).closest("input:not([type=range]), select, textarea")) return;
    if (e.key === "[") one<HTMLAnchorElement>("[rel=prev]", this.root).click();
    else if (e.key === "]") this.root.querySelector<HTMLAnchorElement>("[rel=next]")?.click();
    else if (e.key.toLowerCase() === "l") this.newest();
  }
}

/** What was counted in the step that a moment falls into, in words. */
export function countsAt(c: ChartData, moment: number): string {
  const i = Math.floor((moment - c.from) / c.step);
  const from = hour(c.from + i * c.step, c.zone);
  const to = hour(c.from + (i + 1) * c.step, c.zone);
  const parts: string[] = [];
  let withheld = false;
  for (const line of c.lines) {
    const v = line.values[i];
    const key = `count.${line.class}` as Key;
    if (line.class === "person" && line.withheld.includes(i)) withheld = true;
    else if (v !== null && v !== undefined && (v > 0 || line.class === "person")) parts.push(say(key, { n: v }));
  }
  if (withheld) return say("scene.fewer", { n: c.threshold, from, to });
  return parts.length ? say("scene.mean", { counts: list(parts), from, to }) : say("scene.nocount", { from, to });
}

/** 2026-11-22T14:02 in a time zone. */
function localTime(at: number, zone: string): string {
  return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", timeZone: zone }).format(at).replace(" ", "T");
}
