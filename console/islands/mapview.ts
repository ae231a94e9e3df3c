// A map that moves, the same everywhere: north is up, nobody gets lost, controls are in
// the reader's language. What it draws and says is its page's.
import { Map as View, NavigationControl, setWorkerUrl, type MapOptions, type StyleSpecification } from "maplibre-gl";
import { stillness } from "./dom.ts";
import type { MapData } from "./generated.ts";
import { say } from "./texts.ts";

/** Where a map begins. */
export type Start = Pick<MapOptions, "bounds"> | Pick<MapOptions, "center" | "zoom">;

/** A part of the city that its page names, or all that is mapped. */
export const begins = (data: MapData): Start => (data.zoom > 0 ? { center: data.centre, zoom: data.zoom } : { bounds: data.bounds });

/** Throws where there is no WebGL. With cooperative gestures a finger that scrolls the page does not get stuck. */
export function mapIn(at: HTMLElement, data: MapData, style: StyleSpecification, start: Start = begins(data), cooperativeGestures = true): View {
  setWorkerUrl(new URL(data.worker, location.href).href);
  const [west, south, east, north] = data.bounds;
  const margin = (east - west) / 2;
  const view = new View({
    container: at,
    style,
    ...start,
    minZoom: 9,
    maxZoom: 19,
    maxBounds: [west - margin, south - margin, east + margin, north + margin], // so that nobody gets lost
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    cooperativeGestures,
    fadeDuration: stillness.matches ? 0 : 120,
    locale: { "NavigationControl.ZoomIn": say("map.zoomin"), "NavigationControl.ZoomOut": say("map.zoomout"), "Map.Title": say("map.label") },
  });
  view.touchZoomRotate.disableRotation();
  view.keyboard.disableRotation();
  view.addControl(new NavigationControl({ showCompass: false }), "top-right");
  return view;
}
