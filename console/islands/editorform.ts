// Beside the picture: names and rules of what is drawn, and saving it to the edge.
import { make } from "./dom.ts";
import type { Drawing, Spot } from "./drawing.ts";
import type { Handles } from "./editorhandles.ts";
import type { EditorData, Layout, Line, Problem, Zone } from "./generated.ts";
import { say, type Key } from "./texts.ts";

type Part = Spot["part"];

export class Form {
  private readonly list = make("div");
  private readonly status = make("p", { role: "status", class: "editor-status" });
  private readonly save: HTMLButtonElement;
  private readonly undo: HTMLButtonElement;
  private readonly cards = new Map<string, HTMLElement>();
  private busy = false;

  constructor(
    root: HTMLElement,
    private readonly data: EditorData,
    private readonly drawing: Drawing,
    private readonly handles: Handles,
  ) {
    this.save = make("button", { type: "button", class: "first", onclick: () => void this.send() }, say("edit.save"));
    this.undo = make("button", { type: "button", onclick: () => drawing.undo() }, say("edit.undo"));
    root.append(this.list, make("div", { class: "editor-actions" }, this.status, this.save, this.undo));
    drawing.onChange((whole) => {
      if (whole) this.rebuild();
      this.judge();
    });
    handles.onChoose = (part, index) => this.light(part, index);
    document.addEventListener("keydown", (e) => {
      if ((e.ctrlKey || e.metaKey) && e.key === "z" && !(e.target as Element).closest("input")) {
        e.preventDefault();
        drawing.undo();
      }
    });
    window.addEventListener("beforeunload", (e) => {
      if (drawing.changed) e.preventDefault();
    });
    this.rebuild();
    this.judge();
  }

  private rebuild(): void {
    const focused = document.activeElement?.id;
    this.cards.clear();
    const l = this.drawing.layout;
    this.list.replaceChildren(
      this.section("edit.zones", "edit.addzone", () => this.added("zone", this.drawing.addZone()), l.zones.map((z, i) => this.zone(z, i)), "edit.nozones"),
      this.section("edit.lines", "edit.addline", () => this.added("line", this.drawing.addLine()), l.lines.map((n, i) => this.line(n, i)), "edit.nolines"),
      this.groundSection(),
    );
    if (focused) document.getElementById(focused)?.focus();
  }

  private section(title: Key, add: Key, onAdd: () => void, cards: HTMLElement[], empty: Key): HTMLElement {
    return make(
      "section", { class: "editor-section" },
      make("h2", {}, say(title)),
      ...(cards.length ? cards : [make("p", { class: "small" }, say(empty))]),
      make("button", { type: "button", id: add.replace(".", "-"), onclick: onAdd }, say(add)),
    );
  }

  private added(part: Part, index: number): void {
    if (index < 0) return;
    this.handles.choose(part, index);
    this.handles.focus({ part, index, point: 0 });
    this.light(part, index);
  }

  private card(part: Part, index: number, title: string, ...fields: HTMLElement[]): HTMLElement {
    const card = make(
      "fieldset", { class: "editor-card" },
      make("legend", { class: "unseen" }, title),
      ...fields.slice(0, 1),
      make("p", { class: "editor-problem", id: `problem-${part}-${index}`, hidden: true }),
      ...fields.slice(1),
      make("button", { type: "button", class: "plain", onclick: () => this.drawing.removePart(part, index) }, say("edit.remove"), make("span", { class: "unseen" }, ` ${title}`)),
    );
    card.addEventListener("focusin", () => {
      this.handles.choose(part, index);
      this.light(part, index);
    });
    this.cards.set(`${part}-${index}`, card);
    return card;
  }

  private zone(z: Zone, i: number): HTMLElement {
    const id = `zone-${i}`;
    return this.card(
      "zone", i, z.name,
      this.text(id, "edit.name", z.name, (v) => (z.name = v), "edit.name.help"),
      this.number(`${id}-crowd`, say("edit.crowd"), z.crowd ?? 0, (v) => (z.crowd = v)),
      this.check(`${id}-empty`, "edit.keepempty", z.keep_empty, (v) => (z.keep_empty = v)),
      this.check(`${id}-stop`, "edit.nostop", z.no_stop, (v) => (z.no_stop = v)),
      this.check(`${id}-object`, "edit.noobjects", z.no_objects, (v) => (z.no_objects = v)),
    );
  }

  private line(n: Line, i: number): HTMLElement {
    const id = `line-${i}`;
    const way = make("select", { id: `${id}-way`, onchange: () => this.change(() => (n.one_way = way.value)) });
    const names: [string, string][] = [["", say("edit.oneway.any")], ["right", wayWords(n, 1)], ["left", wayWords(n, -1)]];
    way.append(...names.map(([value, words]) => make("option", { value, selected: (n.one_way ?? "") === value }, words)));
    return this.card(
      "line", i, n.name,
      this.text(id, "edit.name", n.name, (v) => (n.name = v), "edit.name.help"),
      make("p", { class: "field" }, make("label", { for: way.id }, say("edit.oneway")), way),
    );
  }

  private groundSection(): HTMLElement {
    const g = this.drawing.layout.ground;
    const cards: HTMLElement[] = [];
    if (g) {
      const rows = g.metres.map((m, i) => {
        const which = String(i + 1);
        return make(
          "div", { class: "editor-metres" }, make("span", { class: "handle-sample" }, which),
          this.number(`ground-${i}-x`, `${which}: ${say("edit.east")}`, m.x, (v) => (m.x = v), "any"),
          this.number(`ground-${i}-y`, `${which}: ${say("edit.north")}`, m.y, (v) => (m.y = v), "any"),
        );
      });
      cards.push(this.card("ground", 0, say("edit.ground"), ...rows));
    }
    const part = this.section("edit.ground", "edit.addground", () => {
      this.drawing.addGround();
      this.added("ground", 0);
    }, cards, "edit.ground.why");
    if (g) part.lastElementChild?.remove();
    return part;
  }

  private text(id: string, label: Key, value: string, put: (v: string) => void, help: Key): HTMLElement {
    const input = make("input", { id: `${id}-name`, type: "text", value, maxlength: 48, autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-help problem-${id}` });
    input.addEventListener("input", () => this.change(() => put(input.value)));
    return make("p", { class: "field" }, make("label", { for: input.id }, say(label)), input, make("span", { class: "small", id: `${id}-help` }, say(help)));
  }

  private number(id: string, label: string, value: number, put: (v: number) => void, step = "1"): HTMLElement {
    const input = make("input", { id, type: "number", value, step, inputmode: "decimal" });
    if (step === "1") input.min = "0";
    input.addEventListener("input", () => this.change(() => put(Number(input.value) || 0)));
    return make("p", { class: "field" }, make("label", { for: id }, label), input);
  }

  private check(id: string, label: Key, value: boolean | undefined, put: (v: boolean) => void): HTMLElement {
    const input = make("input", { id, type: "checkbox", checked: !!value });
    input.addEventListener("change", () => this.change(() => put(input.checked)));
    return make("p", { class: "field field-check" }, input, make("label", { for: id }, say(label)));
  }

  private change(edit: () => void): void {
    this.drawing.keep();
    this.drawing.edit(edit);
  }

  private light(part: Part, index: number): void {
    for (const [key, card] of this.cards) card.classList.toggle("is-chosen", key === `${part}-${index}`);
  }

  private judge(): void {
    this.undo.disabled = !this.drawing.canUndo;
    this.save.disabled = this.busy || !this.drawing.changed;
    if (!this.busy) this.tell(this.drawing.changed ? say("edit.unsaved") : "");
  }

  private tell(words: string, ...more: HTMLElement[]): void {
    this.status.replaceChildren(words, ...more);
  }

  private async send(): Promise<void> {
    this.busy = true;
    this.judge();
    this.tell(say("edit.saving"));
    this.problem(null);
    let told: () => void;
    try {
      told = await this.put();
    } catch {
      told = () => this.tell(say("edit.failed", { why: say("edit.offline") }));
    }
    this.busy = false;
    this.judge();
    told();
  }

  /** Sends the drawing and returns how to say what came of it. */
  private async put(): Promise<() => void> {
    const sent = JSON.stringify(this.drawing.layout);
    const answer = await fetch(`/cameras/${this.data.camera}/layout`, { method: "PUT", headers: { "Content-Type": "application/json" }, body: sent });
    const body: unknown = await answer.json();
    if (answer.ok) {
      const saved = body as Layout;
      if (JSON.stringify(this.drawing.layout) === sent) this.drawing.take(saved);
      return () => this.tell(say("edit.saved", { n: saved.revision }));
    }
    const p = body as Problem;
    if (answer.status === 409) {
      return () => this.tell(`${say("edit.conflict")} `, make("button", { type: "button", onclick: () => void this.theirs() }, say("edit.loadtheirs")));
    }
    if (answer.status === 422) {
      this.problem(p);
      return () => this.tell(say("edit.wrong"));
    }
    return () => this.tell(say("edit.failed", { why: p.message }));
  }

  private async theirs(): Promise<void> {
    const answer = await fetch(`/cameras/${this.data.camera}/layout`, { headers: { Accept: "application/json" } });
    if (answer.ok) this.drawing.take((await answer.json()) as Layout);
  }

  /** Says what is wrong where it is. */
  private problem(p: Problem | null): void {
    for (const old of this.list.querySelectorAll<HTMLElement>(".editor-problem")) old.hidden = true;
    for (const old of this.list.querySelectorAll("[aria-invalid]")) old.removeAttribute("aria-invalid");
    if (!p) return;
    const id = p.zone >= 0 ? `zone-${p.zone}` : p.line >= 0 ? `line-${p.line}` : "ground-0";
    const place = document.getElementById(`problem-${id}`);
    if (!place) {
      this.tell(say("edit.failed", { why: p.message }));
      return;
    }
    place.textContent = p.message;
    place.hidden = false;
    const name = document.getElementById(`${id}-name`);
    name?.setAttribute("aria-invalid", "true");
    (name ?? place).scrollIntoView({ block: "nearest" });
    name?.focus();
  }
}

/** Where a crossing leads in the picture: to the right of the line (side 1) or its left. */
function wayWords(n: Line, side: number): string {
  const x = -(n.to.y - n.from.y) * side;
  const y = (n.to.x - n.from.x) * side;
  if (Math.abs(x) >= Math.abs(y)) return say(x > 0 ? "way.right" : "way.left");
  return say(y > 0 ? "way.down" : "way.up");
}
