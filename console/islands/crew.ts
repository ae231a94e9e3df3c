// The crew's page: works without a line, keeps what the crew tells and sends it when the
// line is back.
import { dialog, redraw, released } from "./crewdialog.ts";
import { framePhoto } from "./crewphoto.ts";
import { Sharing } from "./crewshare.ts";
import { crewBox, type Told, type Waiting } from "./crewstore.ts";
import { view, type Acts } from "./crewview.ts";
import { dataOf, make, one, onScheme } from "./dom.ts";
import type { CrewData, CrewOrder } from "./generated.ts";
import { keepPage, ordersPage } from "./keptpage.ts";
import { newKey } from "./outbox.ts";
import { SendLine, type Request } from "./sendline.ts";
import { say } from "./texts.ts";

const reasons = ["no-access", "not-found", "unsafe", "wrong-tools", "no-parts", "other-trade", "already-done", "weather", "shift-over"] as const;

const root = one<HTMLElement>("[data-island='crew']");
let data = dataOf<CrewData>(document.querySelector("#crew-data"));
let offline = true;
const line = new SendLine(
  data.person, crewBox, "/orders/mine.json", requestOf,
  (newest) => {
    if (newest) data = newest;
    void show();
  },
  (answer) => {
    const now = answer as Partial<CrewOrder>;
    data = { ...data, orders: data.orders.map((o) => (o.id === now.id && now.task ? { ...o, ...now } : o)) };
  },
);
const sharing = new Sharing(() => void show());

const acts: Acts = {
  step: (o, to) => void tell(o, { kind: "step", to, reason: "", note: "" }),
  cannot,
  note,
  photo: (o) => framePhoto(data.block, o.state === "at-the-place" ? "after" : "before", (f) => void tell(o, { kind: "photo", ...f })),
  share(o) {
    if (sharing.order === o.id) sharing.stop();
    else sharing.start(o.id);
    void show();
  },
  read: (w) => void crewBox.drop(w.seq!).then(show),
};

/** Keeps what was told on the telephone first, then sends it. */
async function tell(o: CrewOrder, what: Told): Promise<void> {
  await crewBox.keep({ key: newKey(), person: data.person, order: o.id, number: o.number, told: Date.now(), what });
  if (what.kind === "step" && sharing.order === o.id) sharing.stop();
  await show();
  void line.turn();
}

function requestOf(w: Waiting): Request {
  const at = `/orders/mine/${encodeURIComponent(w.order)}`;
  const told = new Date(w.told).toISOString();
  if (w.what.kind === "photo") {
    const { stage, x, y, w: width, h } = w.what;
    const q = new URLSearchParams({ key: w.key, stage, x: String(x), y: String(y), w: String(width), h: String(h), told });
    return [`${at}/photos?${q}`, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: w.what.jpeg }, true];
  }
  const { kind, ...rest } = w.what;
  return [`${at}/${kind}s`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key: w.key, told, ...rest }) }, false];
}

let shown: HTMLElement | null = null;

async function show(): Promise<void> {
  await released();
  const next = view({ data, queue: await crewBox.waiting(), line: line.line, offline, sharing: sharing.order, noPosition: sharing.trouble }, acts);
  shown = redraw(root, shown, next);
}

function cannot(o: CrewOrder): void {
  const text = make("textarea", { rows: 3, maxlength: 2000, id: "cannot-note" });
  const form = make(
    "form", { method: "dialog" },
    make("fieldset", {}, make("legend", { class: "unseen" }, say("crew.cannot.title")), ...reasons.map((r) => make("label", { class: "choice" }, make("input", { type: "radio", name: "reason", value: r, required: true }), say(`orders.reason.${r}`)))),
    make("label", { for: "cannot-note" }, say("crew.note.optional")), text,
    make("button", { class: "first" }, say("crew.cannot.send")),
  );
  form.addEventListener("submit", () => void tell(o, { kind: "step", to: "cannot", reason: one<HTMLInputElement>("input:checked", form).value, note: text.value }));
  dialog("crew.cannot.title", form);
}

function note(o: CrewOrder): void {
  const text = make("textarea", { rows: 5, maxlength: 2000, required: true, id: "note-text" });
  const form = make("form", { method: "dialog" }, make("label", { for: "note-text" }, say("crew.note.label")), text, make("button", { class: "first" }, say("crew.note.send")));
  form.addEventListener("submit", () => void tell(o, { kind: "note", text: text.value }));
  dialog("crew.note.title", form);
}

async function begin(): Promise<void> {
  const kept = await crewBox.newest();
  if (kept && kept.person === data.person && kept.at > data.at) data = kept; // this page is an older one, from the telephone
  await show();
  root.dataset.ready = "";
  offline = await keepPage(ordersPage, [data.map.light, data.map.dark].filter((a) => a !== ""));
  if (!navigator.onLine) line.line = "away";
  await line.turn();
}

onScheme(() => void show());
addEventListener("pagehide", () => sharing.stop());
void begin();
