// The map beside the list: alerts, cameras with what they see, and assets, in step with
// the list. Without WebGL the list alone says all.
import type { GeoJSONSource, LayerSpecification, Map as View, StyleSpecification } from "maplibre-gl";
import { colour, isDark, one, onScheme, stillness, make } from "./dom.ts";
import type { Alert, MapData } from "./generated.ts";
import { style } from "./mapstyle.ts";
import { mapIn } from "./mapview.ts";
import { alertChosen, alertsShown, alertsWanted, chooseAlert } from "./roomevents.ts";
import { rank } from "./roomstore.ts";
import { room } from "./roomwords.ts";
import { say } from "./texts.ts";

type Features = GeoJSON.FeatureCollection<GeoJSON.Point>;

const root = one<HTMLElement>("[data-island='roommap']");
const data: MapData = room.map;
const every = 500; // ms between two drawings, however many alerts come
const everyOfMany = 3000; // where they are so many that drawing takes its time
const many = 1000;

class RoomMap {
  private readonly view: View;
  private shown: Features = { type: "FeatureCollection", features: [] };
  private alerts: Alert[] = [];
  private begun = false;
  private chosen = "";
  private timer: number | undefined;
  private ready = false;

  constructor(at: HTMLElement) {
    this.view = mapIn(at, data, this.dressed());
    this.view.once("load", () => {
      this.ready = true;
      root.dataset.ready = "";
      this.draw();
    });
    onScheme(() => {
      this.view.setStyle(this.dressed());
      this.view.once("styledata", () => this.draw());
    });
    document.addEventListener(alertsShown, (e) => this.take((e as CustomEvent<Alert[]>).detail));
    document.addEventListener(alertChosen, (e) => this.choose((e as CustomEvent<Alert | null>).detail));
    this.view.on("click", (e) => {
      const hit = this.view.queryRenderedFeatures([[e.point.x - 8, e.point.y - 8], [e.point.x + 8, e.point.y + 8]], { layers: ["alerts"] })[0];
      if (hit) document.dispatchEvent(new CustomEvent(chooseAlert, { detail: String(hit.properties.key) }));
    });
    this.view.on("mouseenter", "alerts", () => (this.view.getCanvas().style.cursor = "pointer"));
    this.view.on("mouseleave", "alerts", () => (this.view.getCanvas().style.cursor = ""));
    new ResizeObserver(() => this.view.resize()).observe(at);
    document.dispatchEvent(new CustomEvent(alertsWanted));
  }

  private dressed(): StyleSpecification {
    const s = style(data, isDark() ? data.dark : data.light);
    s.sources.alerts = { type: "geojson", data: this.shown };
    s.layers.push({ id: "alerts", source: "alerts", type: "circle", layout: { "circle-sort-key": ["-", 0, ["get", "rank"]] }, paint: this.paint() } as unknown as LayerSpecification);
    return s;
  }

  /** The more urgent an alert, the larger; the chosen one has a ring. */
  private paint(): Record<string, unknown> {
    const chosen = ["==", ["get", "key"], this.chosen];
    return {
      "circle-radius": ["case", chosen, 12, ["match", ["get", "rank"], 1, 9, 2, 8, 6]],
      "circle-color": ["match", ["get", "rank"], 1, colour("stopped"), 2, colour("attention"), colour("soft")],
      "circle-stroke-color": ["case", chosen, colour("accent"), (isDark() ? data.dark : data.light).paper],
      "circle-stroke-width": ["case", chosen, 4, 2],
    };
  }

  private take(alerts: Alert[]): void {
    this.alerts = alerts;
    this.timer ??= window.setTimeout(
      () => {
        this.timer = undefined;
        this.shown = { type: "FeatureCollection", features: this.alerts.flatMap(point) };
        this.draw();
      },
      this.begun && alerts.length > many ? everyOfMany : every,
    );
    this.begun = true;
  }

  private draw(): void {
    if (!this.ready) return;
    this.view.getSource<GeoJSONSource>("alerts")?.setData(this.shown);
    this.mark();
  }

  private mark(): void {
    if (!this.view.getLayer("alerts")) return;
    for (const [name, value] of Object.entries(this.paint())) this.view.setPaintProperty("alerts", name as "circle-radius", value as never);
  }

  private choose(a: Alert | null): void {
    this.chosen = a?.key ?? "";
    if (!this.ready) return;
    this.mark();
    const at = a && placeOf(a);
    if (at) this.view.easeTo({ center: at, zoom: Math.max(this.view.getZoom(), 15), animate: !stillness.matches });
  }
}

function point(a: Alert): GeoJSON.Feature<GeoJSON.Point>[] {
  const at = placeOf(a);
  return at ? [{ type: "Feature", properties: { key: a.key, rank: rank(a) }, geometry: { type: "Point", coordinates: at } }] : [];
}

/** Where an alert is: its own place, or its camera's. */
function placeOf(a: Alert): [number, number] | null {
  if (a.place) return [a.place.lon, a.place.lat];
  return (a.camera && room.cameras[a.camera]?.at) || null;
}

const at = make("div", { class: "map-view" });
try {
  root.append(at);
  new RoomMap(at);
} catch {
  at.remove();
  root.append(make("p", { class: "map-popup", role: "status" }, say("room.nomap")));
}
