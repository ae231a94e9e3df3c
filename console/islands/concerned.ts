// "Was I concerned?": everything public is fetched first; then the page is told to send
// nothing more, and place and time are compared here.
import { type Map as View, Marker } from "maplibre-gl";
import { compare, moments, sees, type Answer, type Question } from "./compare.ts";
import { dataOf, isDark, make, one } from "./dom.ts";
import type { ConcernedData, OpeningsData } from "./generated.ts";
import { style } from "./mapstyle.ts";
import { mapIn } from "./mapview.ts";
import { list, say } from "./texts.ts";

const root = one<HTMLElement>("[data-island='concerned']");
const data = dataOf<ConcernedData>(root.querySelector("script"));
const told = one<HTMLElement>("#locked", root);

class Concerned {
  private place: [number, number] | null = null;
  private mark: Marker | null = null;

  constructor(
    private readonly openings: OpeningsData,
    private readonly view: View | null,
  ) {
    view?.on("click", (e) => {
      this.choose([e.lngLat.lng, e.lngLat.lat]);
      one<HTMLSelectElement>("#near", root).value = "";
    });
    one<HTMLSelectElement>("#near", root).addEventListener("change", (e) => {
      const camera = openings.cameras.find((c) => c.name === (e.target as HTMLSelectElement).value);
      if (camera) this.choose(middle(camera.cone as [number, number][]) ?? (camera.at as [number, number]));
    });
    one<HTMLFormElement>("#ask", root).addEventListener("submit", (e) => {
      e.preventDefault();
      this.ask();
    });
    one<HTMLButtonElement>("#compare", root).disabled = false;
  }

  private choose(at: [number, number]): void {
    this.place = at;
    const names = this.openings.cameras.filter((c) => sees(c, at)).map((c) => c.title);
    one("#place", root).textContent = names.length ? say("record.concerned.place", { cameras: list(names) }) : say("record.concerned.unseen");
    if (!this.view) return;
    this.mark ??= new Marker({ element: make("div", { class: "concerned-mark" }) });
    this.mark.setLngLat(at).addTo(this.view);
    if (!this.view.getBounds().contains(at)) this.view.jumpTo({ center: at, zoom: Math.max(this.view.getZoom(), 15) });
  }

  private ask(): void {
    const asked = this.asked();
    answer(typeof asked === "string" ? [make("p", {}, asked)] : this.words(compare(this.openings, asked)));
  }

  /** What is asked, or what is missing for that. */
  private asked(): Question | string {
    const value = (id: string) => one<HTMLInputElement>(`#${id}`, root).value;
    if (!this.place) return say("record.concerned.ask.place");
    if (!value("day") || !value("from") || !value("to")) return say("record.concerned.ask.time");
    const from = Math.min(...moments(value("day"), value("from"), this.openings.zone));
    const to = Math.max(...moments(value("day"), value("to"), this.openings.zone)) + 60_000; // the minute that is written too
    return to > from + 60_000 || value("from") === value("to") ? { at: this.place, from, to } : say("record.concerned.ask.time");
  }

  private words(found: Answer): HTMLElement[] {
    const parts: HTMLElement[] = [make("p", {}, make("b", {}, found.hits.length ? say("record.concerned.yes", { n: new Set(found.hits.map((h) => h.opening)).size }) : say("record.concerned.no")))];
    if (found.hits.length) {
      parts.push(make("ul", { class: "facts" }, ...found.hits.map(({ opening: o, camera }) => make("li", {}, make("a", { href: `/record/entry/${o.index}` }, say("record.concerned.hit", {
        camera: camera.title, span: say("record.span", { from: this.when(o.from), to: this.when(o.to) }), body: data.bodies[o.body] ?? o.body, purpose: data.purposes[o.purpose] ?? o.purpose,
      }))))));
    }
    if (found.gone.length) parts.push(make("p", {}, say("record.concerned.gone", { n: found.gone.length, cameras: list(found.gone) })));
    parts.push(make("p", {}, found.maybe.length ? say("record.concerned.maybe", { n: found.maybe.length }) : say("record.concerned.certain")));
    if (found.maybe.length) {
      parts.push(make("ul", { class: "facts" }, ...found.maybe.map((u) => make("li", {}, make("a", { href: `/record/entry/${u.index}` }, say("record.concerned.maybe.one", {
        body: data.bodies[u.body] ?? u.body, purpose: data.purposes[u.purpose] ?? u.purpose, day: this.day(u.public_on),
      }))))));
    }
    return parts;
  }

  private when(at: string): string {
    return new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeStyle: "short", timeZone: this.openings.zone }).format(Date.parse(at));
  }

  private day(day: string): string {
    return new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" }).format(Date.parse(day));
  }
}

function answer(parts: HTMLElement[]): void {
  const at = one<HTMLElement>("#answer", root);
  at.replaceChildren(...parts);
  at.focus();
}

/** The middle of what a camera sees. */
function middle(ring: [number, number][]): [number, number] | null {
  if (ring.length < 4) return null;
  const mean = (i: 0 | 1) => ring.slice(1).reduce((sum, p) => sum + p[i], 0) / (ring.length - 1);
  return [(ring[0]![0] + mean(0)) / 2, (ring[0]![1] + mean(1)) / 2];
}

/** The map, once all of it is here; nothing where there is no WebGL, then the list of cameras does. */
function map(): Promise<View | null> {
  const at = make("div", { class: "map-view" });
  const holder = one<HTMLElement>(".concerned-map", root);
  holder.append(at);
  return new Promise((done) => {
    try {
      const view = mapIn(at, data.map, style(data.map, isDark() ? data.map.dark : data.map.light));
      view.once("load", () => {
        holder.querySelector(".ground")?.remove();
        holder.dataset.ready = "";
        done(view);
      });
    } catch {
      at.remove();
      done(null);
    }
  });
}

/** From here on the browser refuses whatever this page would send. A policy can be added, never taken away. */
function lock(): void {
  document.head.append(make("meta", { "http-equiv": "Content-Security-Policy", content: "connect-src 'none'; img-src data: blob:; form-action 'none'; frame-src 'none'" }));
}

async function fetched(): Promise<OpeningsData> {
  const answer = await fetch(data.openings);
  if (!answer.ok) throw new Error(`${answer.status}`);
  return (await answer.json()) as OpeningsData;
}

async function start(): Promise<void> {
  root.hidden = false;
  try {
    const [openings, view] = await Promise.all([fetched(), map()]);
    lock();
    new Concerned(openings, view);
    told.textContent = say("record.concerned.locked");
    root.dataset.locked = "";
  } catch {
    told.textContent = say("record.concerned.notlocked");
  }
}

void start();
