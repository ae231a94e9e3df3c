// How the map is drawn: the city quiet, the cameras plain. Names are drawn with the
// reader's own fonts, since the style names no glyphs.
import type { LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";
import { colour } from "./dom.ts";
import type { MapCamera, MapData, MapMapped, Palette } from "./generated.ts";

type Width = ["interpolate", ["exponential", number], ["zoom"], ...number[]];

const wide = (at13: number, at18: number): Width => ["interpolate", ["exponential", 1.6], ["zoom"], 13, at13, 18, at18];

export function style(data: MapData, p: Palette): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {};
  for (const [name, address] of Object.entries(data.layers)) {
    sources[name] = { type: "geojson", data: new URL(address, location.href).href };
  }
  sources.mapped = { type: "geojson", data: points(data.mapped) };
  sources.live = { type: "geojson", data: livePoints(data.cameras), promoteId: "name" };
  sources.cones = { type: "geojson", data: cones(data.cameras), promoteId: "name" };
  if (data.sensors) sources.sensors = { type: "geojson", data: new URL(data.sensors, location.href).href, promoteId: "id" };
  const layers = [...ground(p), ...names(p), ...cameras(p)].filter((l) => l.type === "background" || ("source" in l && l.source in sources));
  return { version: 8, sources, layers };
}

function ground(p: Palette): LayerSpecification[] {
  const area = (id: string, source: string, colour: string, kind?: string): LayerSpecification => ({
    id, source, type: "fill", paint: { "fill-color": colour }, ...(kind && { filter: ["==", ["get", "k"], kind] }),
  });
  const street = (kind: string, colour: string, width: Width, suffix = ""): LayerSpecification => ({
    id: kind + suffix, source: "streets", type: "line", filter: ["==", ["get", "k"], kind],
    layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": colour, "line-width": width },
  });
  return [
    { id: "ground", type: "background", paint: { "background-color": p.ground } },
    area("green", "parks", p.green, "green"),
    area("park", "parks", p.park, "park"),
    area("squares", "squares", p.square),
    area("water", "water", p.water),
    street("lane", p.casing, wide(1.6, 13), "-edge"),
    street("walk", p.casing, wide(1.8, 15), "-edge"),
    street("street", p.casing, wide(3, 25), "-edge"),
    street("main", p.casing, wide(4.5, 35), "-edge"),
    street("path", p.path, wide(0.6, 5)),
    street("lane", p.lane, wide(1, 10)),
    street("walk", p.path, wide(1.2, 12)),
    street("street", p.street, wide(2.2, 22)),
    street("main", p.main, wide(3.6, 32)),
    { id: "rails", source: "rails", type: "line", paint: { "line-color": p.rail, "line-width": wide(0.5, 2) } },
    { id: "buildings", source: "buildings", type: "fill", paint: { "fill-color": p.building, "fill-outline-color": p.buildingEdge } },
  ];
}

function names(p: Palette): LayerSpecification[] {
  const paint = { "text-color": p.text, "text-halo-color": p.halo, "text-halo-width": 1.5 };
  const named = (id: string, source: string): LayerSpecification => ({
    id, source, type: "symbol", minzoom: 14, filter: ["has", "n"],
    layout: { "text-field": ["get", "n"], "text-font": ["system-ui", "sans-serif"], "text-size": 12, "text-max-width": 7, "symbol-placement": "point" }, paint,
  });
  return [
    {
      id: "street-names", source: "streets", type: "symbol", minzoom: 14.5,
      filter: ["all", ["has", "n"], ["in", ["get", "k"], ["literal", ["main", "street", "walk"]]]],
      layout: { "text-field": ["get", "n"], "text-font": ["system-ui", "sans-serif"], "text-size": 12, "symbol-placement": "line", "symbol-spacing": 320 },
      paint,
    },
    named("park-names", "parks"),
    named("square-names", "squares"),
  ];
}

function cameras(p: Palette): LayerSpecification[] {
  const chosen = ["boolean", ["feature-state", "chosen"], false] as const;
  return [
    { id: "cone", source: "cones", type: "fill", paint: { "fill-color": p.accent, "fill-opacity": 0.22 } },
    { id: "cone-edge", source: "cones", type: "line", paint: { "line-color": p.accent, "line-width": 1.5 } },
    {
      id: "mapped", source: "mapped", type: "circle",
      paint: {
        "circle-radius": ["case", chosen, 7, 4.5], "circle-color": ["case", chosen, p.accent, p.paper],
        "circle-stroke-color": ["case", chosen, p.accent, p.mapped], "circle-stroke-width": 1.5,
      },
    },
    {
      id: "sensors", source: "sensors", type: "circle",
      paint: {
        "circle-radius": ["case", chosen, 9, ["match", ["get", "state"], "alarm", 7, 5]],
        "circle-color": ["match", ["get", "sign"], "stopped", colour("stopped"), "attention", colour("attention"), "live", colour("live"), p.paper],
        "circle-stroke-color": ["match", ["get", "sign"], "unknown", p.mapped, p.paper], "circle-stroke-width": ["match", ["get", "sign"], "unknown", 2, 1.5],
      },
    },
    {
      id: "live", source: "live", type: "circle",
      paint: { "circle-radius": ["case", chosen, 11, 8], "circle-color": p.accent, "circle-stroke-color": p.paper, "circle-stroke-width": 2.5 },
    },
  ] as LayerSpecification[];
}

type Features = GeoJSON.FeatureCollection;

function points(all: MapMapped[]): Features {
  return {
    type: "FeatureCollection",
    features: all.map((m, id) => ({ type: "Feature", id, properties: { street: m.street }, geometry: { type: "Point", coordinates: m.at } })),
  };
}

function livePoints(all: MapCamera[]): Features {
  return {
    type: "FeatureCollection",
    features: all.map((c) => ({ type: "Feature", properties: { name: c.name }, geometry: { type: "Point", coordinates: c.at } })),
  };
}

function cones(all: MapCamera[]): Features {
  return {
    type: "FeatureCollection",
    features: all
      .filter((c) => c.cone.length > 3)
      .map((c) => ({ type: "Feature", properties: { name: c.name }, geometry: { type: "Polygon", coordinates: [c.cone] } })),
  };
}
