// The map of the front page, in step with the list beside it. Without WebGL the still
// picture that the server drew stays.
import type { GeoJSONSource, LngLatBoundsLike, Map as View } from "maplibre-gl";
import { dataOf, isDark, make, one, onScheme } from "./dom.ts";
import type { MapData } from "./generated.ts";
import { style } from "./mapstyle.ts";
import { begins, mapIn } from "./mapview.ts";
import { say } from "./texts.ts";

const root = one<HTMLElement>("[data-island='map']");
const data = dataOf<MapData>(root.querySelector("script"));

interface SensorPoint {
  id: string;
  title: string;
  words: string;
  headline: string;
  path: string;
}

class CityMap {
  private readonly view: View;
  private chosen: { source: string; id: string | number }[] = [];
  private card: HTMLElement | null = null;

  constructor(at: HTMLElement) {
    this.view = mapIn(at, data, style(data, isDark() ? data.dark : data.light), data.zoom > 0 ? begins(data) : cover(at, data.bounds), false);
    this.view.once("load", () => {
      root.querySelector(".ground")?.remove();
      root.dataset.ready = "";
      this.fromAddress();
    });
    onScheme(() => this.recolour());
    this.listen();
    this.renewSensors();
  }

  private recolour(): void {
    this.view.setStyle(style(data, isDark() ? data.dark : data.light));
    this.view.once("styledata", () => this.mark(this.chosen));
  }

  private listen(): void {
    for (const layer of data.sensors ? ["live", "mapped", "sensors"] : ["live", "mapped"]) {
      this.view.on("mouseenter", layer, () => (this.view.getCanvas().style.cursor = "pointer"));
      this.view.on("mouseleave", layer, () => (this.view.getCanvas().style.cursor = ""));
    }
    this.view.on("click", (e) => {
      const reach = 8; // a finger is wider than a point
      const box: [[number, number], [number, number]] = [[e.point.x - reach, e.point.y - reach], [e.point.x + reach, e.point.y + reach]];
      const hit = this.view.queryRenderedFeatures(box, { layers: data.sensors ? ["live", "sensors", "mapped"] : ["live", "mapped"] })[0];
      if (!hit) this.choose(null);
      else if (hit.layer.id === "live") this.chooseCamera(String(hit.properties.name));
      else if (hit.layer.id === "sensors") this.chooseSensor(hit.properties as SensorPoint);
      else this.chooseMapped(Number(hit.id));
    });
    for (const item of document.querySelectorAll<HTMLElement>("[data-camera]")) {
      const light = () => this.chooseCamera(item.dataset.camera!, false);
      item.addEventListener("mouseenter", light);
      item.addEventListener("focusin", light);
    }
    for (const button of document.querySelectorAll<HTMLElement>("[data-street]")) {
      button.addEventListener("click", () => this.chooseStreet(Number(button.dataset.street)));
    }
  }

  private fromAddress(): void {
    const asked = new URLSearchParams(location.search);
    const camera = asked.get("camera");
    if (camera) this.chooseCamera(camera);
    else if (asked.has("sensor")) void this.findSensor(asked.get("sensor")!);
    else if (asked.has("street")) this.chooseStreet(Number(asked.get("street")));
  }

  private chooseCamera(name: string, open = true): void {
    const c = data.cameras.find((k) => k.name === name);
    if (!c) return;
    this.mark([{ source: "live", id: name }]);
    this.light(`[data-camera="${CSS.escape(name)}"]`, open);
    if (open) {
      this.show(c.title, c.state, make("a", { href: `/cameras/${c.name}` }, say("map.open")));
      this.remember("camera", name);
      this.view.easeTo({ center: c.at, zoom: Math.max(this.view.getZoom(), 16) });
    }
  }

  private chooseMapped(index: number): void {
    const m = data.mapped[index];
    if (!m) return;
    this.mark([{ source: "mapped", id: index }]);
    this.light(`[data-street="${m.street}"]`, true);
    this.show(data.streets[m.street] ?? "", m.words);
  }

  /** How sensors are changes from one look to the next. */
  private renewSensors(): void {
    if (!data.sensors) return;
    const address = new URL(data.sensors, location.href).href;
    setInterval(() => {
      if (!document.hidden) this.view.getSource<GeoJSONSource>("sensors")?.setData(address);
    }, 15_000);
  }

  private chooseSensor(s: SensorPoint): void {
    this.mark([{ source: "sensors", id: s.id }]);
    this.light(null, false);
    this.show(s.title, `${s.words}. ${s.headline}`, make("a", { href: s.path }, say("map.opensensor")));
    this.remember("sensor", s.id);
  }

  /** The sensor that the address names, if the map has it. */
  private async findSensor(id: string): Promise<void> {
    if (!data.sensors) return;
    const answer = await fetch(data.sensors).catch(() => null);
    if (!answer?.ok) return;
    const all = (await answer.json()) as GeoJSON.FeatureCollection<GeoJSON.Point, SensorPoint>;
    const found = all.features.find((f) => f.properties.id === id);
    if (!found) return;
    this.chooseSensor(found.properties);
    this.view.easeTo({ center: found.geometry.coordinates as [number, number], zoom: Math.max(this.view.getZoom(), 15) });
  }

  private chooseStreet(street: number): void {
    const found = data.mapped.flatMap((m, id) => (m.street === street ? [{ id, at: m.at }] : []));
    if (!found.length) return;
    this.mark(found.map(({ id }) => ({ source: "mapped", id })));
    this.light(`[data-street="${street}"]`, false);
    this.remember("street", String(street));
    const x = found.map((f) => f.at[0]);
    const y = found.map((f) => f.at[1]);
    const around: LngLatBoundsLike = [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
    this.view.fitBounds(around, { padding: 64, maxZoom: 17 });
    this.card?.remove();
  }

  private choose(nothing: null): void {
    this.mark([]);
    this.light(null, false);
    this.card?.remove();
    this.remember("camera", nothing);
  }

  /** What is chosen stands in the address, so that it can be shared. */
  private remember(name: "camera" | "street" | "sensor", value: string | null): void {
    const address = new URL(location.href);
    address.searchParams.delete("camera");
    address.searchParams.delete("street");
    address.searchParams.delete("sensor");
    if (value !== null) address.searchParams.set(name, value);
    history.replaceState(null, "", address);
  }

  private mark(next: { source: string; id: string | number }[]): void {
    for (const f of this.chosen) this.view.setFeatureState(f, { chosen: false });
    for (const f of next) this.view.setFeatureState(f, { chosen: true });
    this.chosen = next;
  }

  private light(selector: string | null, scroll: boolean): void {
    for (const old of document.querySelectorAll(".is-chosen")) old.classList.remove("is-chosen");
    const item = selector ? document.querySelector<HTMLElement>(selector)?.closest("li") : null;
    item?.classList.add("is-chosen");
    if (scroll) item?.scrollIntoView({ block: "nearest" });
  }

  private show(title: string, words: string, link?: HTMLElement): void {
    this.card?.remove();
    this.card = make(
      "div", { class: "map-popup", role: "status" },
      make("h3", {}, title), make("p", {}, words), link && make("p", {}, link),
      make("button", { type: "button", "aria-label": say("map.close"), onclick: () => this.choose(null) }, "×"),
    );
    root.append(this.card);
  }
}

/** The view that the mapped area fills, as the still picture does. */
function cover(at: HTMLElement, [west, south, east, north]: MapData["bounds"]): { center: [number, number]; zoom: number } {
  const mercator = (lat: number) => Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);
  const tile = 512; // pixels of the world at zoom 0
  const scale = Math.max(at.clientWidth / (((east - west) / 360) * tile), at.clientHeight / ((mercator(north) - mercator(south)) * tile));
  return { center: [(west + east) / 2, (south + north) / 2], zoom: Math.log2(scale) };
}

function start(): void {
  const at = make("div", { class: "map-view" });
  try {
    root.append(at);
    new CityMap(at);
  } catch {
    at.remove();
    root.append(make("p", { class: "map-popup", role: "status" }, say("map.nowebgl")));
  }
}

start();
