// How a refuse truck's page looks: the next stop large, the others behind it, what is done,
// and above all what waits and what was not taken.
import { draw, isDark, make } from "./dom.ts";
import type { DriverCall, DriverData, DriverMine } from "./generated.ts";
import { drivePage } from "./keptpage.ts";
import { lineBar, notTaken } from "./linebar.ts";
import type { Line } from "./sendline.ts";
import { say, type Key } from "./texts.ts";
import type { DriveWaiting } from "./wastedriverstore.ts";

export interface DriveActs {
  collected(c: DriverCall): void;
  missed(c: DriverCall): void;
  unloaded(c: DriverCall | null): void;
  stands(): void;
  goes(): void;
  back(left: number): void;
  photo(c: DriverCall): void;
  read(w: DriveWaiting): void;
  zoom(by: number): void;
}

export interface DriveShown {
  data: DriverData;
  queue: DriveWaiting[];
  line: Line;
  offline: boolean; // whether the page can be kept on the telephone
  width: number; // of the map around the next stop, in units of its picture
}

export function tourView(s: DriveShown, acts: DriveActs): HTMLElement {
  const own = s.queue.filter((w) => w.person === s.data.person);
  const waits = own.filter((w) => !w.refused);
  const mine = s.data.mine && once(s.data.mine, waits.filter((w) => w.truck === s.data.mine?.truck && w.day === s.data.day));
  return make(
    "div", { class: "crew-body" },
    lineBar({ ...s, page: drivePage.page, asOf: "waste.drive.asof", at: s.data.at, zone: s.data.zone, waits: waits.length, others: s.queue.filter((w) => w.person !== s.data.person && !w.refused).length }),
    notTaken(own.filter((w) => w.refused), (w) => say("waste.drive.refused", { what: whatWas(w), why: w.refused ?? "" }), acts.read),
    ...(mine ? tour(mine, s, acts, waits) : [choose(s.data, s.line)]),
    make("p", { class: "small" }, say("waste.drive.privacy")),
  );
}

function whatWas(w: DriveWaiting): string {
  if (w.what.kind === "photo") return say("waste.drive.what", { what: say("waste.drive.do.photo"), where: w.what.container });
  const what = say(`waste.drive.do.${w.what.what}` as Key);
  const where = w.what.container || w.what.site;
  return where ? say("waste.drive.what", { what, where }) : what;
}

/** The tour as it is once all that waits has arrived. */
function once(m: DriverMine, waits: DriveWaiting[]): DriverMine {
  const now = { ...m, calls: m.calls.map((c) => ({ ...c })) };
  for (const { what } of waits) {
    if (what.kind === "photo") continue;
    if (what.what === "stands") now.broken = true;
    if (what.what === "goes") now.broken = false;
    if (what.what === "back") now.home = true;
    const call = now.calls.find((c) => (what.site ? c.site === what.site && !c.done : what.container !== "" && c.container === what.container));
    if (!call) continue;
    call.done = true;
    call.missed = what.reason;
    call.at = "";
  }
  return now;
}

function choose(data: DriverData, line: Line): HTMLElement {
  const none = data.day === "" || data.tours.length === 0 ? "none" : data.phase === "proposed" ? "proposed" : data.phase !== "driving" ? "over" : "";
  if (none !== "") return make("div", { class: "empty" }, make("p", {}, say(`waste.drive.${none}`)));
  return make(
    "section", { class: "crew-card" }, make("h2", {}, say("waste.drive.choose")),
    data.simulated && make("p", { class: "small" }, say("waste.drive.made")),
    ...data.tours.map((t) =>
      make(
        "form", { class: "crew-steps", method: "post", action: drivePage.page },
        make("input", { type: "hidden", name: "truck", value: t.truck }),
        make("button", { disabled: t.taken || line !== "here" }, say("waste.drive.take", { truck: t.truck })),
        make("p", { class: "small" }, say("waste.drive.tour", { n: t.stops, done: t.done }), t.taken && ` ${say("waste.drive.taken")}`, t.broken && ` ${say("waste.drive.broken")}`),
      ),
    ),
  );
}

function tour(m: DriverMine, s: DriveShown, acts: DriveActs, waits: DriveWaiting[]): (HTMLElement | false)[] {
  const ahead = m.calls.filter((c) => !c.done), done = m.calls.filter((c) => c.done);
  const number = (c: DriverCall) => done.length + ahead.indexOf(c) + 1;
  const [next, ...rest] = ahead;
  const button = (key: Key, act: () => void) => make("button", { type: "button", onclick: act }, say(key));
  return [
    make(
      "p", { class: "lead" }, make("b", {}, m.truck), ` ${say("waste.drive.progress", { n: m.calls.length, done: done.length, end: m.end })}`,
      m.break !== "" && ` ${say("waste.drive.break", { time: m.break })}`, s.data.simulated && make("span", { class: "small" }, ` ${say("waste.clock", { time: s.data.clock })}`),
    ),
    s.data.phase === "recalled" && make("p", { class: "notice", role: "status" }, say("waste.summary.recalled")),
    m.broken && make("p", { class: "notice", role: "status" }, say("waste.drive.stood")),
    m.home && make("p", { class: "notice", role: "status" }, say("waste.drive.home")),
    next ? card(next, number(next), s, acts, waits, m.line) : make("div", { class: "empty" }, make("p", {}, say("waste.drive.finished"))),
    rest.length > 0 && make("details", { class: "crew-more" }, make("summary", {}, say("waste.drive.more", { n: rest.length })), ...rest.map((c) => card(c, number(c), s, acts, waits, ""))),
    done.length > 0 && make("details", { class: "crew-more" }, make("summary", {}, say("waste.drive.done", { n: done.length })), ...done.map((c, i) => settled(c, i + 1, acts, waits))),
    make(
      "div", { class: "crew-steps crew-card" }, button("waste.drive.do.unloaded", () => acts.unloaded(null)),
      m.broken ? button("waste.drive.do.goes", acts.goes) : button("waste.drive.do.stands", acts.stands), !m.home && button("waste.drive.do.back", () => acts.back(ahead.length)),
    ),
  ];
}

function where(c: DriverCall, k: number): HTMLElement {
  return make("h2", {}, say("waste.drive.stop", { k }), ": ", c.site ? say("waste.drive.site", { site: c.site }) : c.street || c.container);
}

function notSent(c: DriverCall, waits: DriveWaiting[]): HTMLElement | false {
  return waits.some((w) => w.what.container === c.container && c.container !== "") && make("span", { class: "small" }, ` (${say("crew.notsent")})`);
}

function card(c: DriverCall, k: number, s: DriveShown, acts: DriveActs, waits: DriveWaiting[], line: string): HTMLElement {
  return make(
    "section", { class: "crew-card", "data-call": c.container || c.site },
    where(c, k),
    c.site
      ? make("p", {}, c.street, c.street && ". ", say("waste.drive.site.load", { kg: Math.round(c.kilograms) }))
      : make("p", { class: "task" }, say(c.near ? "waste.drive.near" : "waste.drive.either")),
    !c.site && make("p", {}, say("waste.drive.bin", { container: c.container, fraction: c.fraction, litres: String(Math.round(c.litres)) }), notSent(c, waits)),
    make("p", { class: "small" }, say("waste.drive.planned", { time: c.arrive })),
    line !== "" && c.onMap && map(c, k, s, acts, line),
    make("p", {}, make("a", { href: `geo:${c.place.lat},${c.place.lon}?q=${c.place.lat},${c.place.lon}` }, say("crew.map.open"))),
    make(
      "div", { class: "crew-steps" },
      c.site
        ? make("button", { type: "button", class: "first", onclick: () => acts.unloaded(c) }, say("waste.drive.do.unloaded"))
        : make("button", { type: "button", class: "first", onclick: () => acts.collected(c) }, say("waste.drive.do.collected")),
      !c.site && make("button", { type: "button", onclick: () => acts.missed(c) }, say("waste.drive.do.missed")),
    ),
  );
}

/** The way and the stops around one, on what the telephone keeps of the map. */
function map(c: DriverCall, k: number, s: DriveShown, acts: DriveActs, line: string): HTMLElement {
  const w = s.width, h = (w * 3) / 4, r = w / 40;
  const stops = s.data.mine?.calls.filter((o) => o.onMap && !o.done && o !== c) ?? [];
  return make(
    "div", {},
    make(
      "div", { class: "spot" },
      draw(
        "svg", { class: "crew-map drive-map", viewBox: `${c.x - w / 2} ${c.y - h / 2} ${w} ${h}`, role: "img", "aria-label": say("waste.drive.map", { k }) },
        draw("image", { href: isDark() ? s.data.map.dark : s.data.map.light, x: 0, y: 0, width: s.data.map.width, height: s.data.map.height }),
        draw("path", { class: "drive-way", d: line, "stroke-width": w / 60 }),
        ...stops.map((o) => draw("circle", { class: "drive-stop", cx: o.x, cy: o.y, r: r * 0.6, "stroke-width": w / 150 })),
        draw("circle", { class: "dot-live", cx: c.x, cy: c.y, r }),
      ),
      s.data.map.credit && make("p", { class: "map-credit" }, make("a", { href: s.data.map.creditUrl, rel: "noreferrer" }, s.data.map.credit)),
    ),
    make("div", { class: "pair" }, make("button", { type: "button", onclick: () => acts.zoom(0.6) }, say("waste.drive.closer")), make("button", { type: "button", onclick: () => acts.zoom(1 / 0.6) }, say("waste.drive.wider"))),
  );
}

function settled(c: DriverCall, k: number, acts: DriveActs, waits: DriveWaiting[]): HTMLElement {
  const state = c.missed ? say(`waste.reason.${c.missed}` as Key) : say(c.site ? "waste.drive.state.unloaded" : "waste.drive.state.collected");
  return make(
    "section", { class: "crew-card", "data-call": c.container || c.site },
    make("p", {}, make("b", {}, `${k}. ${c.site || `${c.street}, ${c.container}`}`), ` ${c.at} `, make("span", { class: `sign sign-${c.missed ? "attention" : "live"}` }), state, notSent(c, waits)),
    !c.site &&
      make(
        "div", { class: "pair" },
        c.missed ? make("button", { type: "button", onclick: () => acts.collected(c) }, say("waste.drive.do.collected")) : make("button", { type: "button", onclick: () => acts.missed(c) }, say("waste.drive.do.missed")),
        c.missed !== "" && make("button", { type: "button", onclick: () => acts.photo(c) }, say("waste.drive.do.photo")),
      ),
  );
}
