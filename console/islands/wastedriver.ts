// A refuse truck's page: works without a line, keeps what its crew tells and sends it when
// the line is back.
import { dialog, redraw, released } from "./crewdialog.ts";
import { framePhoto } from "./crewphoto.ts";
import { dataOf, make, one, onScheme } from "./dom.ts";
import type { DriverCall, DriverData } from "./generated.ts";
import { drivePage, keepPage } from "./keptpage.ts";
import { newKey } from "./outbox.ts";
import { SendLine, type Request } from "./sendline.ts";
import { say, type Key } from "./texts.ts";
import { driveBox, type DrivePhoto, type DriveReport, type DriveWaiting } from "./wastedriverstore.ts";
import { tourView, type DriveActs } from "./wastedriverview.ts";

const root = one<HTMLElement>("[data-island='wastedriver']");
let data = dataOf<DriverData>(document.querySelector("#driver-data"));
let offline = true;
let width = 120; // of the map, in units of its picture
const line = new SendLine(data.person, driveBox, `${drivePage.page}.json`, requestOf, (newest) => {
  if (newest) data = newest;
  void show();
});

const acts: DriveActs = {
  collected: (c) => void tell({ what: "collected", container: c.container }),
  missed,
  unloaded,
  stands: () => confirm("waste.drive.stands.title", say("waste.drive.stands.what"), "waste.drive.stands.send", () => void tell({ what: "stands" })),
  goes: () => void tell({ what: "goes" }),
  back: (left) => confirm("waste.drive.back.title", left > 0 ? say("waste.drive.back.what", { n: left }) : say("waste.drive.back.all"), "waste.drive.back.send", () => void tell({ what: "back" })),
  photo,
  read: (w) => void driveBox.drop(w.seq!).then(show),
  zoom(by) {
    width = Math.min(data.map.width, Math.max(40, width * by));
    void show();
  },
};

/** Keeps what was told on the telephone first, then sends it. */
async function tell(report: Partial<DriveReport>): Promise<void> {
  await keep({ kind: "report", what: "", container: "", site: "", reason: "", kilograms: 0, ...report });
}

async function keep(what: DriveReport | DrivePhoto): Promise<void> {
  const truck = data.mine?.truck;
  if (!truck) return;
  await driveBox.keep({ key: newKey(), person: data.person, truck, day: data.day, told: Date.now(), what });
  await show();
  void line.turn();
}

function requestOf(w: DriveWaiting): Request {
  const at = `${drivePage.page}/${encodeURIComponent(w.truck)}`;
  if (w.what.kind === "photo") {
    const { container, x, y, w: across, h } = w.what;
    const q = new URLSearchParams({ id: w.key, day: w.day, container, x: String(x), y: String(y), w: String(across), h: String(h) });
    return [`${at}/photos?${q}`, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: w.what.jpeg }, true];
  }
  const { kind: _, ...report } = w.what;
  return [`${at}/reports`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ id: w.key, day: w.day, told: new Date(w.told).toISOString(), ...report }) }, false];
}

let shown: HTMLElement | null = null;

async function show(): Promise<void> {
  await released();
  const next = tourView({ data, queue: await driveBox.waiting(), line: line.line, offline, width }, acts);
  shown = redraw(root, shown, next);
}

function confirm(title: Key, words: string, send: Key, yes: () => void): void {
  const form = make("form", { method: "dialog" }, make("p", {}, words), make("button", { class: "first" }, say(send)));
  form.addEventListener("submit", yes);
  dialog(title, form);
}

function missed(c: DriverCall): void {
  const form = make(
    "form", { method: "dialog" },
    make("fieldset", {}, make("legend", { class: "unseen" }, say("waste.drive.missed.title")), ...data.reasons.map((r) => make("label", { class: "choice" }, make("input", { type: "radio", name: "reason", value: r, required: true }), say(`waste.reason.${r}` as Key)))),
    make("button", { class: "first" }, say("waste.drive.missed.send")),
    make("button", { value: "photo" }, say("waste.drive.missed.photo")),
  );
  form.addEventListener("submit", (e) => {
    const wantsPhoto = (e.submitter as HTMLButtonElement | null)?.value === "photo";
    void tell({ what: "missed", container: c.container, reason: one<HTMLInputElement>("input:checked", form).value }).then(() => wantsPhoto && photo(c));
  });
  dialog("waste.drive.missed.title", form);
}

function photo(c: DriverCall): void {
  framePhoto(data.block, "", ({ x, y, w, h, jpeg }) => void keep({ kind: "photo", container: c.container, x, y, w, h, jpeg }));
}

function unloaded(c: DriverCall | null): void {
  const site = make("select", { id: "unload-site" }, ...data.sites.map((s) => make("option", { value: s, selected: s === c?.site }, s)));
  const weight = make("input", { id: "unload-kg", type: "number", inputmode: "numeric", min: 0, max: 60000, step: 1 });
  const form = make(
    "form", { method: "dialog" },
    make("label", { for: "unload-site" }, say("waste.drive.unload.site")), site,
    make("label", { for: "unload-kg" }, say("waste.drive.unload.kg")), weight,
    make("button", { class: "first" }, say("waste.drive.unload.send")),
  );
  form.addEventListener("submit", () => void tell({ what: "unloaded", site: site.value, kilograms: weight.valueAsNumber || 0 }));
  dialog("waste.drive.unload.title", form);
}

async function begin(): Promise<void> {
  const kept = await driveBox.newest();
  if (kept && kept.person === data.person && kept.at > data.at) data = kept; // this page is an older one, from the telephone
  await show();
  root.dataset.ready = "";
  offline = await keepPage(drivePage, [data.map.light, data.map.dark].filter((a) => a !== ""));
  if (!navigator.onLine) line.line = "away";
  await line.turn();
}

onScheme(() => void show());
void begin();
