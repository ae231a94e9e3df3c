// Above a page that works without a line: how it stands with the line, what waits, and what
// was not taken.
import { make } from "./dom.ts";
import type { Told } from "./outbox.ts";
import type { Line } from "./sendline.ts";
import { hour, say, type Key } from "./texts.ts";

export interface LineNow {
  line: Line;
  offline: boolean; // whether the page can be kept on the telephone
  page: string; // its address, for signing in
  asOf: Key; // words for how old the picture is
  at: number; // of the picture, ms since 1970
  zone: string;
  waits: number; // things not sent yet
  others: number; // of somebody else
}

export function lineBar(s: LineNow): HTMLElement {
  const n = s.waits;
  const signs: Record<Line, [string, Key]> = {
    here: ["live", n > 0 ? "crew.line.sending" : "crew.line.here"], away: ["unknown", "crew.line.away"], failing: ["attention", "crew.line.failing"], signin: ["attention", "crew.signin"],
  };
  const [sign, key] = signs[s.line];
  return make(
    "div", { class: `crew-line${s.line === "here" ? "" : " is-away"}`, role: "status", id: "crew-line" },
    make("p", {}, make("span", { class: `sign sign-${sign}` }), say(key), n > 0 && make("b", { id: "crew-waiting" }, ` ${say("crew.waiting", { n })}.`)),
    s.line !== "here" && make("p", { class: "small" }, say(s.asOf, { time: hour(s.at, s.zone) })),
    s.line === "signin" && make("p", {}, make("a", { class: "button", href: `/sign-in?then=${encodeURIComponent(s.page)}` }, say("crew.signin.do"))),
    s.others > 0 && make("p", { class: "small" }, say("crew.others", { n: s.others })),
    !s.offline && make("p", { class: "small" }, say("crew.nooffline")),
  );
}

/** What the hub did not take, until somebody has read it. */
export function notTaken<W extends Told>(list: W[], words: (w: W) => string, read: (w: W) => void): HTMLElement | false {
  if (list.length === 0) return false;
  return make(
    "section", { class: "crew-card crew-refused", role: "alert" }, make("h2", {}, say("crew.refused.title")),
    make("ul", {}, ...list.map((w) => make("li", {}, make("p", {}, words(w)), make("button", { type: "button", onclick: () => read(w) }, say("crew.refused.dismiss"))))),
  );
}
