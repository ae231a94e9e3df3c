// The page that drafts a case. What is typed stays in this browser: the draft's file is
// written here, and references are sent to nobody. Cameras and times stand behind the
// address's #, which browsers do not send.
import { cameraAt, camerasChosen, chosenWanted, toggleCamera } from "./caseevents.ts";
import { file, hoursOf, problems, type Draft } from "./casedraft.ts";
import { Timeline } from "./casetimeline.ts";
import { fromZone, inZone, words } from "./casezone.ts";
import { dataOf, make, one } from "./dom.ts";
import type { CaseNewData } from "./generated.ts";
import { list, number, say } from "./texts.ts";

const data = dataOf<CaseNewData>(document.getElementById("casenew-data"));
const loaded = Date.now();
const hour = 3_600_000;
const day = 24 * hour;

const field = (id: string) => one<HTMLInputElement>(`#${id}`);
const boxes = [...document.querySelectorAll<HTMLInputElement>("#cameras input")];
const now = () => data.now + Date.now() - loaded; // by the hub's clock
let dated = false; // somebody said until when the bodies may answer
let tried = false; // to save: problems are told from then on

const timeline = new Timeline(one("#timeline"), data.zone, now, take, tell);

function chosen(): string[] {
  return boxes.filter((b) => b.checked).map((b) => b.value);
}

function draft(): Draft {
  const reference = (id: string) => field(id).value.trim().replace(/\s+/g, " ");
  return {
    cameras: chosen(), from: fromZone(field("from").value, data.zone), to: fromZone(field("to").value, data.zone), purpose: one<HTMLSelectElement>("#purpose").value,
    order: reference("order"), case: reference("case"), expires: fromZone(field("expires").value, data.zone), publicOn: field("public").value,
  };
}

/** Takes the time that was drawn over the timeline. */
function take(from: number, to: number): void {
  field("from").value = inZone(from, data.zone);
  field("to").value = inZone(to, data.zone);
  changed();
}

function changed(): void {
  const d = draft();
  const names = new Set(d.cameras);
  timeline.set(data.cameras.filter((c) => names.has(c.name)), d.from, d.to);
  document.dispatchEvent(new CustomEvent(camerasChosen, { detail: d.cameras }));
  one("#chosen").textContent = say("casenew.chosen", { n: d.cameras.length });
  const kept = new URLSearchParams({ cameras: d.cameras.join(","), from: field("from").value, to: field("to").value });
  history.replaceState(null, "", `#${kept}`);
  tell();
}

/** Says what both bodies will be asked, what the public will see, and what may be wrong. */
function tell(): void {
  const d = draft();
  const gone = destroyed();
  if (!dated && d.expires !== null && gone < d.expires && gone > now() + hour) {
    field("expires").value = inZone(gone, data.zone);
    d.expires = fromZone(field("expires").value, data.zone);
  }
  const titles = list(data.cameras.filter((c) => d.cameras.includes(c.name)).map((c) => c.title));
  const time = (at: number | null) => (at === null ? say("casenew.missing") : words(at, data.zone));
  const or = (text: string) => text || say("casenew.missing");
  const purpose = d.purpose ? one<HTMLSelectElement>("#purpose").selectedOptions[0]!.text : "";
  const scope = { n: d.cameras.length, cameras: say("cases.cameras", { n: d.cameras.length }), hours: say("time.hours", { n: hoursOf(d) }), office: data.office, purpose: or(purpose) };
  one("#preview").replaceChildren(
    make("h3", {}, say("casenew.ask.title")),
    make("p", {}, say("casenew.ask", { ...scope, titles: or(titles), from: time(d.from), to: time(d.to) })),
    make("p", {}, say("casenew.ask.why", { purpose: or(purpose), order: or(d.order), case: or(d.case), expires: time(d.expires) })),
    make("h3", {}, say("casenew.public.title")),
    make("p", {}, say("casenew.public", { ...scope, day: dayOf(d.publicOn) })),
    ...warnings(d),
  );
  if (tried) showProblems();
}

/** When the first of the chosen footage is destroyed. */
function destroyed(): number {
  return Math.min(...timeline.footage().map((f) => f.destroyed ?? Infinity));
}

/** A day as a field has it, as people write it. */
function dayOf(text: string): string {
  const at = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(at) ? say("casenew.missing") : new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" }).format(at);
}

function warnings(d: Draft): HTMLElement[] {
  const found: string[] = [];
  if (d.cameras.length > data.max_cameras) found.push(say("casenew.no.toomany", { n: d.cameras.length, most: data.max_cameras }));
  if (hoursOf(d) > data.max_hours) found.push(say("casenew.no.toolong", { n: hoursOf(d), most: data.max_hours }));
  if (d.to !== null && d.to > now()) found.push(say("casenew.warn.future"));
  const footage = timeline.footage();
  const named = (state: string) => list(footage.filter((f) => f.state === state).map((f) => f.title));
  if (named("none")) found.push(say("casenew.warn.none", { cameras: named("none") }));
  if (named("gaps")) found.push(say("casenew.warn.gaps", { cameras: named("gaps") }));
  const first = destroyed();
  if (d.expires !== null && first < d.expires) found.push(say("casenew.warn.destroyed", { time: words(first, data.zone) }));
  return found.length ? [make("div", { class: "notice" }, make("h3", {}, say("casenew.warn")), make("ul", {}, ...found.map((w) => make("li", {}, w))))] : [];
}

function showProblems(): number {
  const found = problems(draft(), data, now());
  const at = one<HTMLElement>("#problems");
  at.replaceChildren();
  for (const input of document.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const p of found) field(p.field).setAttribute("aria-invalid", "true");
  if (found.length) {
    const items = found.map((p) => make("li", {}, make("a", { href: `#${p.field}`, onclick: (e) => { e.preventDefault(); field(p.field).focus(); } }, p.words)));
    at.append(make("div", { class: "notice" }, make("h3", {}, say("casenew.problems", { n: found.length })), make("ul", {}, ...items)));
  }
  return found.length;
}

function save(): void {
  tried = true;
  if (showProblems()) {
    one<HTMLElement>("#problems").focus();
    return;
  }
  const address = URL.createObjectURL(new Blob([file(draft(), location.origin)], { type: "application/json" }));
  make("a", { href: address, download: "case.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
  one("#saved").replaceChildren(
    make("p", {}, say("casenew.saved")),
    make("pre", { tabindex: 0 }, make("code", {}, "polity case new case.json\npolity case submit CODE")),
  );
}

function find(): void {
  const wanted = field("find").value.trim().toLowerCase();
  for (const b of boxes) b.closest("label")!.hidden = !b.checked && !b.closest("label")!.textContent!.toLowerCase().includes(wanted);
}

function toggle(name: string): void {
  const b = boxes.find((x) => x.value === name);
  if (!b) return;
  b.checked = !b.checked;
  changed();
  b.closest("label")!.scrollIntoView({ block: "nearest" });
}

/** What the address has behind its #, and the latest hour that ended before it. */
function begin(): void {
  const kept = new URLSearchParams(location.hash.slice(1));
  const names = new Set((kept.get("cameras") ?? "").split(","));
  for (const b of boxes) b.checked = names.has(b.value);
  const full = Math.floor(data.now / hour) * hour;
  field("from").value = kept.get("from") || inZone(full - hour, data.zone);
  field("to").value = kept.get("to") || inZone(full, data.zone);
  field("expires").value = inZone(full + 2 * day, data.zone);
  field("public").value = new Date(data.now + 365 * day).toISOString().slice(0, 10);
  changed();
}

for (const b of boxes) {
  b.addEventListener("change", changed);
  b.addEventListener("focus", () => document.dispatchEvent(new CustomEvent(cameraAt, { detail: b.value })));
  b.addEventListener("blur", () => document.dispatchEvent(new CustomEvent(cameraAt, { detail: "" })));
}
for (const id of ["from", "to"]) field(id).addEventListener("change", changed);
field("expires").addEventListener("input", () => (dated = true)); // before tell, which would set it otherwise
for (const id of ["purpose", "order", "case", "expires", "public"]) field(id).addEventListener("input", tell);
field("find").addEventListener("input", find);
document.addEventListener(toggleCamera, (e) => toggle((e as CustomEvent<string>).detail));
document.addEventListener(chosenWanted, () => document.dispatchEvent(new CustomEvent(camerasChosen, { detail: chosen() })));
const button = one<HTMLButtonElement>("#save");
button.disabled = false;
button.addEventListener("click", save);
begin();
one<HTMLElement>("[data-island='casenew']").dataset.ready = number(data.cameras.length);
