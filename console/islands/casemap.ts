// The map beside the list of cameras: a click on one, or on what it sees, chooses or
// leaves it. Without WebGL the list says all.
import type { Map as View, StyleSpecification } from "maplibre-gl";
import { cameraAt, camerasChosen, chosenWanted, toggleCamera } from "./caseevents.ts";
import { dataOf, isDark, make, one, onScheme, stillness } from "./dom.ts";
import type { CaseNewData } from "./generated.ts";
import { style } from "./mapstyle.ts";
import { mapIn } from "./mapview.ts";
import { say } from "./texts.ts";

const root = one<HTMLElement>("[data-island='casemap']");
const data = dataOf<CaseNewData>(document.getElementById("casenew-data")).map;
const layers = ["live", "cone"];

class CaseMap {
  private readonly view: View;
  private chosen: string[] = [];
  private at = "";
  private ready = false;

  constructor(at: HTMLElement) {
    this.view = mapIn(at, data, this.dressed());
    this.view.once("load", () => {
      this.ready = true;
      root.dataset.ready = "";
      this.mark();
    });
    onScheme(() => {
      this.view.setStyle(this.dressed());
      this.view.once("styledata", () => this.mark());
    });
    document.addEventListener(camerasChosen, (e) => this.take((e as CustomEvent<string[]>).detail));
    document.addEventListener(cameraAt, (e) => this.go((e as CustomEvent<string>).detail));
    this.view.on("click", (e) => {
      const reach = 8; // a finger is wider than a point
      const hit = this.view.queryRenderedFeatures([[e.point.x - reach, e.point.y - reach], [e.point.x + reach, e.point.y + reach]], { layers }).sort((a, b) => layers.indexOf(a.layer.id) - layers.indexOf(b.layer.id))[0];
      if (hit) document.dispatchEvent(new CustomEvent(toggleCamera, { detail: String(hit.properties.name) }));
    });
    for (const layer of layers) {
      this.view.on("mouseenter", layer, () => (this.view.getCanvas().style.cursor = "pointer"));
      this.view.on("mouseleave", layer, () => (this.view.getCanvas().style.cursor = ""));
    }
    new ResizeObserver(() => this.view.resize()).observe(at);
    document.dispatchEvent(new CustomEvent(chosenWanted));
  }

  /** Chosen cameras are filled and see strongly, others are rings. */
  private dressed(): StyleSpecification {
    const p = isDark() ? data.dark : data.light;
    const s = style(data, p);
    const chosen = ["boolean", ["feature-state", "chosen"], false];
    for (const l of s.layers) {
      if (l.id === "cone" && l.type === "fill") l.paint = { "fill-color": p.accent, "fill-opacity": ["case", chosen, 0.5, 0.1] } as unknown as typeof l.paint;
      if (l.id === "live" && l.type === "circle") {
        l.paint = {
          "circle-radius": ["case", ["boolean", ["feature-state", "at"], false], 12, chosen, 10, 7], "circle-color": ["case", chosen, p.accent, p.paper],
          "circle-stroke-color": ["case", chosen, p.paper, p.accent], "circle-stroke-width": 2.5,
        } as unknown as typeof l.paint;
      }
    }
    return s;
  }

  private take(names: string[]): void {
    this.chosen = names;
    this.mark();
  }

  private mark(): void {
    if (!this.ready) return;
    const chosen = new Set(this.chosen);
    for (const c of data.cameras) {
      for (const source of ["live", "cones"]) if (this.view.getSource(source)) this.view.setFeatureState({ source, id: c.name }, { chosen: chosen.has(c.name), at: c.name === this.at });
    }
  }

  /** Shows where a camera is that somebody is at in the list. */
  private go(name: string): void {
    this.at = name;
    this.mark();
    const c = data.cameras.find((k) => k.name === name);
    if (c && this.ready && !this.view.getBounds().contains(c.at)) this.view.easeTo({ center: c.at, animate: !stillness.matches });
  }
}

const at = make("div", { class: "map-view" });
try {
  root.append(at);
  new CaseMap(at);
} catch {
  at.remove();
  root.append(make("p", { class: "map-popup", role: "status" }, say("casenew.nomap")));
}
