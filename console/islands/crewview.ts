// How the crew's page looks: the next order large, the others behind it, what waits and
// what was not taken above all.
import type { Waiting } from "./crewstore.ts";
import { draw, isDark, make } from "./dom.ts";
import type { CrewData, CrewOrder } from "./generated.ts";
import { ordersPage } from "./keptpage.ts";
import { lineBar, notTaken } from "./linebar.ts";
import type { Line } from "./sendline.ts";
import { hour, known, say, type Key } from "./texts.ts";

export interface Acts {
  step(o: CrewOrder, to: string): void;
  cannot(o: CrewOrder): void;
  note(o: CrewOrder): void;
  photo(o: CrewOrder): void;
  share(o: CrewOrder): void;
  read(w: Waiting): void; // what was not taken
}

export interface Shown {
  data: CrewData;
  queue: Waiting[];
  line: Line;
  offline: boolean; // whether the page can be kept on the telephone
  sharing: string; // the order on whose way the position is shared
  noPosition: boolean;
}

const after: Record<string, string[]> = {
  given: ["accepted"],
  accepted: ["on-the-way", "at-the-place"],
  "on-the-way": ["at-the-place"],
  "at-the-place": ["done"],
};

/** The word for a value of a list, or the value where there is none. */
function word(list: string, value: string): string {
  const key = `orders.${list}.${value}`;
  return known(key) ? say(key) : value;
}

export function view(s: Shown, acts: Acts): HTMLElement {
  const own = s.queue.filter((w) => w.person === s.data.person);
  const waits = own.filter((w) => !w.refused);
  const orders = s.data.orders.map((o) => told(o, waits)).filter((o) => !["done", "cannot"].includes(o.state));
  const rank = (o: CrewOrder) => (o.state === "given" ? 1 : 0);
  orders.sort((a, b) => rank(a) - rank(b));
  const [first, ...rest] = orders;
  return make(
    "div", { class: "crew-body" },
    lineBar({ ...s, page: ordersPage.page, asOf: "crew.line.asof", at: s.data.at, zone: s.data.zone, waits: waits.length, others: s.queue.filter((w) => w.person !== s.data.person && !w.refused).length }),
    notTaken(own.filter((w) => w.refused), (w) => say("crew.refused.what", { number: String(w.number), what: whatWas(w), why: w.refused ?? "" }), acts.read),
    first ? card(first, s, acts, waits) : make("div", { class: "empty" }, make("p", {}, say("crew.none"))),
    rest.length > 0 &&
      make("details", { class: "crew-more", open: rest.length < 3 }, make("summary", {}, say("crew.more", { n: rest.length })), ...rest.map((o) => card(o, s, acts, waits))),
  );
}

/** The order as it is once all that waits has arrived. */
function told(o: CrewOrder, waits: Waiting[]): CrewOrder {
  let state = o.state;
  for (const w of waits) if (w.order === o.id && w.what.kind === "step") state = w.what.to;
  return { ...o, state };
}

function whatWas(w: Waiting): string {
  if (w.what.kind === "step") return w.what.note ? `${word("state", w.what.to)}, ${w.what.note}` : word("state", w.what.to);
  return w.what.kind === "note" ? w.what.text : say("crew.do.photo");
}

function card(o: CrewOrder, s: Shown, acts: Acts, waits: Waiting[]): HTMLElement {
  const urgent = o.priority === "urgent";
  const mine = waits.filter((w) => w.order === o.id);
  return make(
    "section", { class: "crew-card", "data-order": o.id },
    make("h2", {}, `#${o.number} ${word("kind", o.kind)}`),
    make("p", {}, make("span", { class: `sign sign-${urgent ? "attention" : "none"}` }, word("priority", o.priority)), " · ", make("span", { class: "crew-state" }, word("state", o.state)), mine.length > 0 && make("span", { class: "small" }, ` (${say("crew.notsent")})`)),
    make("p", { class: "task" }, o.task),
    o.where && make("p", {}, make("b", {}, o.where)),
    o.asset && make("p", { class: "small" }, o.asset),
    o.due && make("p", {}, say("crew.until", { time: when(Date.parse(o.due), s.data) }), Date.parse(o.due) < s.data.at && make("b", { class: "late" }, ` ${say("order.late")}`)),
    o.sheet && make("p", {}, make("a", { href: o.sheet }, say("order.sheet"))),
    place(o, s.data),
    steps(o, s, acts),
    notes(o, mine, s.data),
  );
}

function when(at: number, data: CrewData): string {
  const day = (t: number) => new Intl.DateTimeFormat(document.documentElement.lang, { day: "numeric", month: "long", timeZone: data.zone }).format(t);
  return day(at) === day(data.at) ? hour(at, data.zone) : `${day(at)} ${hour(at, data.zone)}`;
}

function place(o: CrewOrder, data: CrewData): HTMLElement | false {
  if (!o.place) return false;
  const w = 120, h = 90; // of the picture's units: some streets around
  return make(
    "div", {},
    o.onMap &&
      make(
        "div", { class: "spot" },
        draw(
          "svg", { class: "crew-map", viewBox: `${o.x - w / 2} ${o.y - h / 2} ${w} ${h}`, role: "img", "aria-label": say("crew.map.alt") },
          draw("image", { href: isDark() ? data.map.dark : data.map.light, x: 0, y: 0, width: data.map.width, height: data.map.height }),
          draw("circle", { class: "dot-live", cx: o.x, cy: o.y, r: 4 }),
        ),
        data.map.credit && make("p", { class: "map-credit" }, make("a", { href: data.map.creditUrl, rel: "noreferrer" }, data.map.credit)),
      ),
    make("p", {}, make("a", { href: `geo:${o.place.lat},${o.place.lon}?q=${o.place.lat},${o.place.lon}` }, say("crew.map.open"))),
  );
}

function steps(o: CrewOrder, s: Shown, acts: Acts): HTMLElement {
  const next = after[o.state] ?? [];
  const button = (label: string, act: () => void, first = false) => make("button", { type: "button", ...(first && { class: "first" }), onclick: act }, label);
  const taken = o.state !== "given";
  return make(
    "div", { class: "crew-steps" },
    ...next.map((to, i) => button(say(`crew.do.${to}` as Key), () => acts.step(o, to), i === 0)),
    make("div", { class: "pair" }, button(say("crew.do.note"), () => acts.note(o)), taken ? button(say("crew.do.photo"), () => acts.photo(o)) : button(say("crew.do.cannot"), () => acts.cannot(o))),
    taken && button(say("crew.do.cannot"), () => acts.cannot(o)),
    o.state === "on-the-way" && make("button", { type: "button", "aria-pressed": String(s.sharing === o.id), onclick: () => acts.share(o) }, say(s.sharing === o.id ? "crew.share.stop" : "crew.share.start")),
    s.sharing === o.id && make("p", { class: "small" }, say("crew.share.on")),
    s.noPosition && o.state === "on-the-way" && make("p", { class: "small" }, say("crew.share.no")),
  );
}

function notes(o: CrewOrder, mine: Waiting[], data: CrewData): HTMLElement | false {
  const list = (o.timeline ?? []).filter((e) => e.text && (e.what === "note" || (e.what === "state" && e.state !== "given"))).map((e) => make("li", {}, make("p", { class: "small" }, `${when(Date.parse(e.at), data)} · ${e.name}`), make("p", { class: "said" }, e.text)));
  for (const w of mine) if (w.what.kind === "note") list.push(make("li", {}, make("p", { class: "small" }, say("crew.notsent")), make("p", { class: "said" }, w.what.text)));
  const photos = (o.photos ?? []).length + mine.filter((w) => w.what.kind === "photo").length;
  if (list.length === 0 && photos === 0) return false;
  return make("div", { class: "crew-notes" }, list.length > 0 && make("h3", {}, say("crew.notes")), make("ul", {}, ...list), photos > 0 && make("p", { class: "small" }, say("crew.photos", { n: photos })));
}
