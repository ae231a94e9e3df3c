// What an operator does about alerts: sent to the server, shown at once where it can be
// undone, and said in words where somebody was faster.
import { make, one } from "./dom.ts";
import type { Alert } from "./generated.ts";
import type { RoomStore } from "./roomstore.ts";
import { clock, didWhat, nameOf, room, titleOf } from "./roomwords.ts";
import { say } from "./texts.ts";

export type Do = "acknowledge" | "renew" | "assign" | "snooze" | "note" | "escalate" | "close" | "reopen";

export interface Details {
  to?: string;
  until?: string;
  text?: string;
  verdict?: string;
}

interface Outcome {
  key: string;
  status: "done" | "unchanged" | "conflict" | "missing" | "forbidden";
  why?: string;
  alert?: Alert;
}

const most = 500; // alerts of one request

export class RoomActs {
  private readonly said = one<HTMLElement>(".room-said");
  private undoing: (() => void) | null = null;

  constructor(
    private readonly store: RoomStore,
    private readonly changed: () => void,
  ) {}

  /** Does something about alerts. False: it did not reach the server. */
  async act(what: Do, alerts: Alert[], details: Details = {}): Promise<boolean> {
    if (!alerts.length) return false;
    const before = new Map(alerts.map((a) => [a.key, a]));
    if (what === "acknowledge") this.pretend(alerts);
    const outcomes: Outcome[] = [];
    for (let i = 0; i < alerts.length; i += most) {
      const part = alerts.slice(i, i + most);
      const problem = await this.send(what, part, details, outcomes);
      if (problem === null) continue;
      this.takeBack(before, outcomes);
      this.tell(say("room.failed", { why: problem }), true, say("room.again"), () => void this.act(what, [...before.values()].filter((a) => !outcomes.some((o) => o.key === a.key)), details));
      return false;
    }
    for (const o of outcomes) if (o.alert) this.store.put(o.alert);
    this.takeBack(before, outcomes.filter((o) => o.status === "done" || o.status === "unchanged"));
    this.changed();
    this.report(what, outcomes, before);
    return true;
  }

  /** The same request again, if the first try's answer was lost, does nothing twice. */
  private async send(what: Do, part: Alert[], details: Details, outcomes: Outcome[]): Promise<string | null> {
    const body = JSON.stringify({ request: crypto.randomUUID(), do: what, ...details, items: part.map((a) => ({ key: a.key, revision: a.revision })) });
    for (let tries = 0; ; tries++) {
      try {
        const answer = await fetch("/room/alerts", { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json" }, body });
        const said = (await answer.json()) as { outcomes?: Outcome[]; people?: Record<string, string>; message?: string };
        Object.assign(room.people, said.people);
        if (answer.ok && said.outcomes) {
          outcomes.push(...said.outcomes);
          return null;
        }
        return said.message ?? String(answer.status);
      } catch {
        if (tries > 0) return say("room.noline");
        await new Promise((r) => setTimeout(r, 700));
      }
    }
  }

  /** Acknowledged alerts look so at once; all else waits for the server. */
  private pretend(alerts: Alert[]): void {
    for (const a of alerts) if (a.state === "new" || a.state === "snoozed") this.store.pretend({ ...a, state: "acknowledged" });
    this.changed();
  }

  private takeBack(before: Map<string, Alert>, settled: Outcome[]): void {
    const done = new Set(settled.map((o) => o.key));
    for (const [key, a] of before) {
      const now = this.store.get(key);
      if (!done.has(key) && now && now.sequence === a.sequence) this.store.pretend(a);
    }
    this.changed();
  }

  private report(what: Do, outcomes: Outcome[], before: Map<string, Alert>): void {
    const done = outcomes.filter((o) => o.status === "done");
    const failed = outcomes.filter((o) => o.status !== "done" && o.status !== "unchanged");
    const words: string[] = [];
    if (done.length) words.push(say(`room.done.${what}`, { n: done.length }));
    else if (!failed.length) words.push(say("room.unchanged"));
    for (const o of failed.slice(0, 3)) words.push(this.reason(o, before.get(o.key)));
    if (failed.length > 3) words.push(say("room.others", { n: failed.length - 3 }));
    const undo = what === "acknowledge" && done.length > 0;
    this.tell(words.join(" "), failed.length > 0, undo ? say("room.undo") : undefined, () => {
      void this.act("renew", done.flatMap((o) => this.store.get(o.key) ?? []));
    });
    if (!undo) this.undoing = null;
  }

  private reason(o: Outcome, was: Alert | undefined): string {
    const title = was ? titleOf(was) : o.key;
    if (o.status === "missing") return say("room.missing", { title });
    if (o.status === "conflict" && o.alert?.last.by) return say("room.conflict", { title, did: didWhat(o.alert.last), time: clock(o.alert.last.at) });
    return say("room.refused", { title, why: o.why ?? "" });
  }

  /** Takes back the last acknowledgement. */
  undo(): void {
    this.undoing?.();
    this.undoing = null;
  }

  tell(words: string, problem: boolean, button?: string, press?: () => void): void {
    this.undoing = button === say("room.undo") && press ? press : null;
    this.said.classList.toggle("is-problem", problem);
    this.said.replaceChildren(
      make("span", { role: problem ? "alert" : "status" }, words),
      button && press ? make("button", { type: "button", onclick: () => {
        this.said.replaceChildren();
        press();
      } }, button) : "",
      make("button", { type: "button", class: "plain", "aria-label": say("room.dismiss"), onclick: () => this.said.replaceChildren() }, "×"),
    );
  }
}

/** Asks for what an operation needs besides the alerts. Null: it was given up. */
export function ask(what: "assign" | "snooze" | "note" | "close", alerts: Alert[]): Promise<Details | null> {
  const first = alerts[0]!;
  const about = alerts.length === 1 ? titleOf(first) : say("room.manyalerts", { n: alerts.length });
  return new Promise((resolve) => {
    const fields = { assign: assignFields, snooze: snoozeFields, note: noteFields, close: closeFields }[what]();
    const form = make(
      "form", { method: "dialog" },
      make("h2", { id: "room-ask" }, say(`room.ask.${what}`)), make("p", { class: "small" }, about), ...fields,
      make("p", { class: "actions" }, ...(what === "close" ? [] : [make("button", { class: "first", value: "do" }, say(`room.ask.${what}.do`))]), make("button", { value: "", formnovalidate: true }, say("room.cancel"))),
    );
    const dialog = make("dialog", { class: "room-dialog", "aria-labelledby": "room-ask" }, form);
    let pressed = "";
    form.addEventListener("submit", (e) => (pressed = ((e as SubmitEvent).submitter as HTMLButtonElement | null)?.value ?? ""));
    dialog.addEventListener("close", () => {
      dialog.remove();
      const values = new FormData(form);
      const text = (name: string) => String(values.get(name) ?? "").trim();
      if (!pressed) resolve(null);
      else if (what === "assign") resolve({ to: text("to") });
      else if (what === "snooze") resolve({ until: new Date(Date.now() + Number(text("minutes")) * 60_000).toISOString() });
      else if (what === "note") resolve(text("text") ? { text: text("text") } : null);
      else resolve({ verdict: pressed });
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function assignFields(): HTMLElement[] {
  const to = make("select", { name: "to", id: "room-to" }, make("option", { value: "me" }, say("room.me")));
  for (const [id, name] of Object.entries(room.colleagues)) if (id !== room.me) to.append(make("option", { value: id }, name));
  to.append(make("option", { value: "" }, say("room.nobody")));
  return [make("p", { class: "field" }, make("label", { for: "room-to" }, say("room.to")), to)];
}

export const snoozes = [15, 30, 60, 240, 480];

function snoozeFields(): HTMLElement[] {
  return [
    make(
      "fieldset", { class: "room-choice" }, make("legend", {}, say("room.snoozefor")),
      ...snoozes.map((n) => make(
        "label", {}, make("input", { type: "radio", name: "minutes", value: n, checked: n === 30 }),
        ` ${n < 60 ? say("time.minutes", { n }) : say("time.hours", { n: n / 60 })} (${say("room.untilclock", { time: clock(new Date(Date.now() + n * 60_000).toISOString()) })})`,
      )),
    ),
  ];
}

function noteFields(): HTMLElement[] {
  return [
    make("p", { class: "field" }, make("label", { for: "room-text" }, say("room.notelabel")), make("textarea", { name: "text", id: "room-text", rows: 4, maxlength: 2000, required: true })),
    make("p", { class: "small" }, say("room.noterule")),
  ];
}

function closeFields(): HTMLElement[] {
  return [
    make("p", {}, say("room.ask.close.why")),
    make("p", { class: "room-verdicts" }, ...(["useful", "false", "unclear"] as const).map((v) => make("button", { value: v }, say(`room.verdict.${v}`)))),
  ];
}

export { nameOf };
