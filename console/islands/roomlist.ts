// The list of alerts: a real table of which only the rows in sight are there, so that ten
// thousand of them scroll as ten do.
import { make, one } from "./dom.ts";
import type { Alert } from "./generated.ts";
import { clock, exactly, priorityOf, stateOf, titleOf, whereOf } from "./roomwords.ts";
import { say } from "./texts.ts";

export interface ListUser {
  chosen(a: Alert): void;
  selected(): void;
}

interface Row {
  element: HTMLTableRowElement;
  box: HTMLInputElement;
  link: HTMLAnchorElement;
  priority: HTMLElement;
  where: HTMLElement;
  state: HTMLElement;
  over: HTMLElement;
  since: HTMLTableCellElement;
  drawn: Alert | null;
  words: string;
}

const beyond = 8; // rows drawn above and below what is in sight

export class RoomList {
  readonly selected = new Set<string>();
  current = "";
  private all: Alert[] = [];
  private at = new Map<string, number>();
  private readonly rows = new Map<string, Row>();
  private readonly spare: Row[] = [];
  private readonly body: HTMLTableSectionElement;
  private readonly table: HTMLTableElement;
  private readonly above = space();
  private readonly below = space();
  private readonly everyBox: HTMLInputElement;
  private frame = 0;

  constructor(
    private readonly scroller: HTMLElement,
    private readonly user: ListUser,
  ) {
    this.table = one("table", scroller);
    this.body = one("tbody", this.table);
    this.everyBox = one("thead input", this.table);
    scroller.addEventListener("scroll", () => this.drawSoon(), { passive: true });
    new ResizeObserver(() => this.drawSoon()).observe(scroller);
    this.everyBox.addEventListener("change", () => this.selectAll(this.everyBox.checked));
    this.body.addEventListener("change", (e) => this.boxChanged(e.target as HTMLInputElement));
    this.body.addEventListener("click", (e) => this.clicked(e));
    this.body.addEventListener("focusin", (e) => this.focused(e.target as Element));
  }

  /** Shows these alerts. What somebody reads or has under their fingers stays in place. */
  show(all: Alert[]): void {
    if (!this.above.isConnected) this.body.replaceChildren(this.above, this.below); // the server's rows were for the first moment
    const anchor = this.anchor();
    this.all = all;
    this.at = new Map(all.map((a, i) => [a.key, i]));
    for (const key of this.selected) if (!this.at.has(key)) this.selected.delete(key);
    this.table.setAttribute("aria-rowcount", String(all.length + 1));
    const height = this.rowHeight;
    this.size(0, all.length * height);
    if (anchor) {
      const i = this.at.get(anchor.key);
      if (i !== undefined) this.scroller.scrollTop = i * height - anchor.offset;
    }
    this.draw();
    this.user.selected();
  }

  get length(): number {
    return this.all.length;
  }

  alert(key: string): Alert | undefined {
    const i = this.at.get(key);
    return i === undefined ? undefined : this.all[i];
  }

  /** The next alert, or the one before; the first where none is current. */
  move(by: number): void {
    const i = this.at.get(this.current);
    const to = i === undefined ? 0 : Math.min(this.all.length - 1, Math.max(0, i + by));
    const a = this.all[to];
    if (a) this.go(a.key);
  }

  /** Makes an alert current, scrolls to it and puts the focus there. */
  go(key: string, focus = true): void {
    const i = this.at.get(key);
    if (i === undefined) return;
    this.choose(key);
    const height = this.rowHeight;
    const head = this.table.tHead?.offsetHeight ?? 0;
    const [top, bottom] = [i * height, (i + 1) * height + head];
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (bottom > this.scroller.scrollTop + this.scroller.clientHeight) this.scroller.scrollTop = bottom - this.scroller.clientHeight;
    this.draw();
    if (focus) this.rows.get(key)?.link.focus({ preventScroll: true });
  }

  /** The alert that takes the place of those that go, so that a shift goes on downwards. */
  after(keys: Set<string>): string {
    const i = this.at.get(this.current) ?? 0;
    const next = this.all.slice(i).find((a) => !keys.has(a.key)) ?? this.all.slice(0, i).findLast((a) => !keys.has(a.key));
    return next?.key ?? "";
  }

  toggle(key: string): void {
    if (!this.selected.delete(key)) this.selected.add(key);
    this.draw();
    this.user.selected();
  }

  selectAll(on: boolean): void {
    this.selected.clear();
    if (on) for (const a of this.all) this.selected.add(a.key);
    this.draw();
    this.user.selected();
  }

  private choose(key: string): void {
    const a = this.alert(key);
    if (!a || key === this.current) return;
    const before = this.rows.get(this.current);
    this.current = key;
    if (before) this.mark(before, false);
    const row = this.rows.get(key);
    if (row) this.mark(row, true);
    this.user.chosen(a);
  }

  /** Only one row is a stop for Tab: the current one, or the first that is drawn. */
  private mark(row: Row, current: boolean): void {
    if (current) row.element.setAttribute("aria-current", "true");
    else row.element.removeAttribute("aria-current");
    row.box.tabIndex = row.link.tabIndex = current ? 0 : -1;
  }

  private get rowHeight(): number {
    return Number.parseFloat(getComputedStyle(this.table).getPropertyValue("--row")) || 56;
  }

  /** The row that stays where it is on the screen: the current one, or the first in sight. */
  private anchor(): { key: string; offset: number } | null {
    const height = this.rowHeight;
    const top = this.scroller.scrollTop;
    const busy = this.scroller.contains(document.activeElement) || this.scroller.matches(":hover");
    if (top === 0 && !busy) return null;
    const i = this.at.get(this.current);
    const inSight = i !== undefined && i * height >= top - height && (i + 1) * height <= top + this.scroller.clientHeight;
    const of = inSight ? i : Math.ceil(top / height);
    const a = this.all[of];
    return a ? { key: a.key, offset: of * height - top } : null;
  }

  private drawSoon(): void {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  private draw(): void {
    if (!this.above.isConnected) return;
    const height = this.rowHeight;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / height) - beyond);
    const last = Math.min(this.all.length, Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / height) + beyond);
    const shown = this.all.slice(first, last);
    const keys = new Set(shown.map((a) => a.key));
    const held = [...this.rows].find(([, r]) => r.element.contains(document.activeElement));
    for (const [key, row] of this.rows) {
      if (keys.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
      if (this.spare.length < 64) this.spare.push(row);
    }
    let before: Element = this.above;
    shown.forEach((a, i) => {
      const row = this.rows.get(a.key) ?? this.take(a.key);
      this.dress(row, a, first + i);
      if (before.nextElementSibling !== row.element) before.after(row.element);
      before = row.element;
    });
    const stop = keys.has(this.current) ? undefined : this.rows.get(shown[0]?.key ?? "");
    if (stop) stop.box.tabIndex = stop.link.tabIndex = 0;
    this.size(first * height, (this.all.length - last) * height);
    const [some, every] = [this.selected.size > 0, this.selected.size === this.all.length && this.all.length > 0];
    this.everyBox.checked = every;
    this.everyBox.indeterminate = some && !every;
    if (held && !held[1].element.contains(document.activeElement)) (this.rows.get(held[0]) ?? this.rows.get(this.current))?.link.focus({ preventScroll: true });
  }

  private take(key: string): Row {
    const row = this.spare.pop() ?? newRow();
    row.drawn = null;
    this.rows.set(key, row);
    return row;
  }

  private dress(row: Row, a: Alert, index: number): void {
    row.element.setAttribute("aria-rowindex", String(index + 2));
    row.box.checked = this.selected.has(a.key);
    row.element.classList.toggle("is-selected", row.box.checked);
    this.mark(row, a.key === this.current);
    const words = stateOf(a); // a colleague's name or a day may have changed meanwhile
    if (row.drawn === a && row.words === words) return;
    row.drawn = a;
    row.words = words;
    const title = titleOf(a);
    const [sign, word] = priorityOf(a);
    row.element.dataset.key = a.key;
    row.element.classList.toggle("is-new", a.state === "new");
    row.box.setAttribute("aria-label", say("room.selectone", { title }));
    row.link.textContent = title;
    row.link.href = addressOf(a.key);
    row.priority.className = `sign sign-${sign}`;
    row.priority.textContent = word;
    row.where.textContent = whereOf(a);
    row.state.textContent = a.quiet ? say("room.isquiet", { state: words }) : words;
    row.since.replaceChildren(make("time", { datetime: a.start, title: exactly(a.start) }, clock(a.start)));
    row.over.hidden = !a.end;
  }

  private size(above: number, below: number): void {
    this.above.style.height = `${above}px`;
    this.below.style.height = `${below}px`;
    this.above.hidden = above === 0;
    this.below.hidden = below === 0;
  }

  private keyOf(target: Element): string {
    return target.closest<HTMLElement>("tr[data-key]")?.dataset.key ?? "";
  }

  private boxChanged(box: HTMLInputElement): void {
    const key = this.keyOf(box);
    if (!key) return;
    if (box.checked) this.selected.add(key);
    else this.selected.delete(key);
    this.draw();
    this.user.selected();
  }

  private clicked(e: MouseEvent): void {
    const target = e.target as Element;
    const key = this.keyOf(target);
    if (!key || target.closest("input") || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    this.go(key);
  }

  private focused(target: Element): void {
    if (target.closest("a")) this.choose(this.keyOf(target));
  }
}

export function addressOf(key: string): string {
  const address = new URL(location.href);
  address.searchParams.set("alert", key);
  address.searchParams.delete("said");
  return address.pathname + address.search;
}

/** A row that takes the room of all that are not drawn. */
function space(): HTMLTableRowElement {
  return make("tr", { class: "room-space", "aria-hidden": "true" }, make("td", { colspan: 5 }));
}

function newRow(): Row {
  const box = make("input", { type: "checkbox" });
  const link = make("a", { href: "" });
  const priority = make("span", { class: "sign" });
  const where = make("span", { class: "room-where" });
  const state = make("span");
  const over = make("span", { class: "small" }, say("room.over"));
  const since = make("td", { role: "cell", class: "room-since" });
  const element = make(
    "tr", { role: "row" },
    make("td", { role: "cell", class: "room-box" }, make("label", {}, box)),
    make("td", { role: "cell", class: "room-priority" }, priority),
    make("th", { role: "rowheader", scope: "row", class: "room-title" }, link, where),
    make("td", { role: "cell", class: "room-state" }, state, over),
    since,
  );
  return { element, box, link, priority, where, state, over, since, drawn: null, words: "" };
}
