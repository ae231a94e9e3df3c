// Lines and vehicles on a map that moves, in place of the still picture. Without WebGL
// that picture stays.
import type { GeoJSONSource, LayerSpecification, Map as View, StyleSpecification } from "maplibre-gl";
import { colour, dataOf, isDark, make, one, onScheme } from "./dom.ts";
import type { TransitMapData } from "./generated.ts";
import { style } from "./mapstyle.ts";
import { mapIn } from "./mapview.ts";
import { say } from "./texts.ts";

const root = one<HTMLElement>("[data-island='transit']");
const data = dataOf<TransitMapData>(root.querySelector("script"));

const every = 5000; // ms between two looks at vehicles

function dressed(): StyleSpecification {
  const p = isDark() ? data.map.dark : data.map.light;
  const s = style(data.map, p);
  data.feeds.forEach((feed, i) => {
    s.sources[`ways-${i}`] = { type: "geojson", data: new URL(feed.lines, location.href).href };
    s.sources[`vehicles-${i}`] = { type: "geojson", data: new URL(feed.vehicles, location.href).href };
  });
  const ways = data.feeds.map((_, i) => ({
    id: `ways-${i}`, source: `ways-${i}`, type: "line", layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": p.accent, "line-opacity": 0.5, "line-width": ["interpolate", ["linear"], ["zoom"], 12, 2, 17, 6] },
  }));
  const late = [">=", ["coalesce", ["get", "delay_s"], 0], 300];
  const vehicles = data.feeds.flatMap((_, i) => [
    {
      id: `vehicles-${i}`, source: `vehicles-${i}`, type: "circle",
      paint: { "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, 4, 14, 12], "circle-color": p.paper, "circle-stroke-color": ["case", late, colour("attention"), p.accent], "circle-stroke-width": 2.5 },
    },
    {
      id: `names-${i}`, source: `vehicles-${i}`, type: "symbol", minzoom: 13,
      layout: { "text-field": ["get", "line"], "text-font": ["system-ui", "sans-serif"], "text-size": 13, "text-allow-overlap": true, "text-ignore-placement": true },
      paint: { "text-color": p.text },
    },
  ]);
  s.layers.push(...([...ways, ...vehicles] as unknown as LayerSpecification[]));
  return s;
}

class LinesMap {
  private readonly view: View;
  private card: HTMLElement | null = null;

  constructor(at: HTMLElement) {
    this.view = mapIn(at, data.map, dressed(), { bounds: data.map.bounds });
    this.view.once("load", () => (root.dataset.ready = ""));
    onScheme(() => this.view.setStyle(dressed()));
    setInterval(() => this.renew(), every);
    this.listen();
  }

  private renew(): void {
    if (document.hidden) return;
    data.feeds.forEach((feed, i) => this.view.getSource<GeoJSONSource>(`vehicles-${i}`)?.setData(new URL(feed.vehicles, location.href).href));
  }

  private listen(): void {
    const layers = data.feeds.map((_, i) => `vehicles-${i}`);
    for (const layer of layers) {
      this.view.on("mouseenter", layer, () => (this.view.getCanvas().style.cursor = "pointer"));
      this.view.on("mouseleave", layer, () => (this.view.getCanvas().style.cursor = ""));
    }
    this.view.on("click", (e) => {
      const hit = this.view.queryRenderedFeatures([[e.point.x - 8, e.point.y - 8], [e.point.x + 8, e.point.y + 8]], { layers })[0];
      this.card?.remove();
      if (!hit) return;
      const { words, path } = hit.properties as { words: string; path: string };
      this.card = make(
        "div", { class: "map-popup", role: "status" },
        make("p", {}, words), make("p", {}, make("a", { href: path }, say("transit.openline"))),
        make("button", { type: "button", "aria-label": say("map.close"), onclick: () => this.card?.remove() }, "×"),
      );
      root.append(this.card);
    });
  }
}

const at = make("div", { class: "map-view" });
try {
  root.append(at);
  new LinesMap(at);
} catch {
  at.remove(); // the still picture says the same
}
