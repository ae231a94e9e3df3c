// The control room: the queue of alerts, kept up to date by one line to the server, with
// everything that a shift does to it by keyboard or mouse.
import { make, one } from "./dom.ts";
import type { Alert } from "./generated.ts";
import { fetchPage } from "./refresh.ts";
import { ask, RoomActs, type Details, type Do } from "./roomacts.ts";
import { alertChosen, alertsShown, alertsWanted, chooseAlert } from "./roomevents.ts";
import { RoomFeed } from "./roomfeed.ts";
import { keysAreOn, setKeys, typing } from "./roomkeys.ts";
import { RoomList } from "./roomlist.ts";
import { RoomSound } from "./roomsound.ts";
import { RoomStore, rank, type Filter } from "./roomstore.ts";
import { kindOf, room, stateOf, titleOf } from "./roomwords.ts";
import { hour, say } from "./texts.ts";

const renderEvery = 250; // ms, however many alerts change

interface Page {
  cursor: string;
  alerts: Alert[];
  next: string;
  people?: Record<string, string>;
}

class Room {
  private readonly store = new RoomStore();
  private readonly list: RoomList;
  private readonly acts = new RoomActs(this.store, () => this.renderSoon());
  private readonly sound = new RoomSound();
  private readonly feed: RoomFeed;
  private readonly line = one<HTMLElement>(".room-line");
  private readonly form = one<HTMLFormElement>(".room-filter");
  private readonly detail = one<HTMLElement>("#detail");
  private readonly fold = make("button", { type: "button", class: "room-fold", hidden: true, onclick: () => this.foldQuiet() });
  private readonly tools = new Map<Do | "take", HTMLButtonElement>();
  private readonly toolWords = make("span", { class: "room-chosen", role: "status" });
  private filter: Filter = { desk: "", kind: "", state: "", words: [], quiet: false };
  private upSince = 0;
  private lostSince = 0;
  private shown: Alert[] = [];
  private begun = false; // the first page of alerts is here
  private loaded = false; // all of them
  private loading = 0; // grows with each fetch of the whole list
  private timer: number | undefined;
  private detailTimer: number | undefined;
  private detailOf = "";

  constructor() {
    this.list = new RoomList(one(".room-scroll"), { chosen: (a) => this.chosen(a), selected: () => this.renderTools() });
    this.feed = new RoomFeed("/room/feed", {
      event: (name, data) => this.heard(name, data),
      line: (up) => this.lineIs(up),
      refused: (status) => this.refused(status),
    });
    this.toolbar();
    one(".room-tools").append(this.sound.element, make("button", { type: "button", onclick: () => this.help() }, say("room.keys")));
    one(".room-scroll").after(this.fold);
    this.fromAddress();
    this.form.addEventListener("submit", (e) => e.preventDefault());
    this.form.addEventListener("input", () => this.filterChanged());
    one(".room-kinds").addEventListener("click", (e) => this.kindPressed(e));
    this.detail.addEventListener("submit", (e) => this.formSent(e as SubmitEvent));
    document.addEventListener("keydown", (e) => this.keys(e));
    document.addEventListener(chooseAlert, (e) => this.list.go((e as CustomEvent<string>).detail));
    document.addEventListener(alertsWanted, () => this.tellMap());
    window.addEventListener("popstate", () => this.fromAddress());
    setInterval(() => this.renderSoon(), 30_000); // days and snoozes move on by themselves
    void this.load();
  }

  /** Fetches all open alerts, page by page, and follows from where the first page was. */
  private async load(): Promise<void> {
    const turn = ++this.loading;
    let next = "";
    let first = true;
    do {
      const page = await this.page(`quiet=all&limit=500${next && `&after=${encodeURIComponent(next)}`}`);
      if (turn !== this.loading) return;
      if (!page) {
        this.lineIs(false);
        setTimeout(() => turn === this.loading && void this.load(), 3000);
        return;
      }
      if (first) {
        this.store.forget();
        this.begun = true;
        this.feed.follow(page.cursor);
        first = false;
      }
      for (const a of page.alerts) this.store.put(a);
      next = page.next;
      this.loaded = !next;
      this.renderSoon();
    } while (next);
    if (this.filter.state === "closed") void this.loadClosed();
  }

  /** Closed ones are fetched when somebody asks for them: the newest. */
  private async loadClosed(): Promise<void> {
    const page = await this.page(`state=closed&quiet=all&limit=500${this.filter.desk && `&desk=${this.filter.desk}`}${this.filter.kind && `&kind=${this.filter.kind}`}`);
    for (const a of page?.alerts ?? []) this.store.put(a);
    this.renderSoon();
  }

  private async page(query: string): Promise<Page | null> {
    try {
      const answer = await fetch(`/room/alerts.json?${query}`, { headers: { Accept: "application/json" }, cache: "no-store" });
      if (answer.status === 401 || answer.status === 403) this.refused(answer.status);
      if (!answer.ok) return null;
      const page = (await answer.json()) as Page;
      Object.assign(room.people, page.people);
      return page;
    } catch {
      return null;
    }
  }

  private heard(name: string, data: unknown): void {
    if (name === "alerts") {
      const said = data as { alerts: Alert[]; people?: Record<string, string> };
      Object.assign(room.people, said.people);
      for (const a of said.alerts) {
        const fresh = this.store.put(a);
        if (fresh && this.loaded && a.state === "new" && !a.quiet && room.desks.includes(a.desk)) this.sound.alert(rank(a));
        if (a.key === this.detailOf) this.detailSoon(a.key, 300);
      }
      this.renderSoon();
    } else if (name === "reload") void this.load();
  }

  private lineIs(up: boolean): void {
    if (up) {
      this.upSince ||= Date.now();
      this.lostSince = 0;
    } else {
      this.lostSince ||= Date.now();
      this.upSince = 0;
    }
    this.line.textContent = up ? say("room.line.up", { time: hour(this.upSince, room.zone) }) : say("room.line.lost", { time: hour(this.lostSince, room.zone) });
    this.line.classList.toggle("is-lost", !up);
    one(".room-scroll").classList.toggle("is-stale", !up);
  }

  private refused(status: number): void {
    this.line.replaceChildren(
      `${say(status === 401 ? "room.signedout" : "room.norights")} `,
      make("a", { href: `/sign-in?then=${encodeURIComponent(location.pathname + location.search)}` }, say("room.signin")),
    );
    this.line.classList.add("is-lost");
  }

  private fromAddress(): void {
    const asked = new URLSearchParams(location.search);
    const field = (name: string) => this.form.elements.namedItem(name) as HTMLInputElement | HTMLSelectElement;
    for (const name of ["desk", "kind", "state", "q"]) field(name).value = asked.get(name) ?? "";
    this.filter.quiet = asked.get("quiet") === "all";
    this.readFilter();
    this.list.current = asked.get("alert") ?? "";
    this.detailOf = this.list.current;
    this.renderSoon();
  }

  private readFilter(): void {
    const values = new FormData(this.form);
    const text = (name: string) => String(values.get(name) ?? "").trim();
    const state = text("state");
    if (state === "closed" && this.filter.state !== "closed") void this.loadClosed();
    this.filter = { ...this.filter, desk: text("desk"), kind: text("kind"), state, words: text("q").toLowerCase().split(/\s+/).filter(Boolean) };
  }

  private filterChanged(): void {
    this.readFilter();
    const address = new URL(location.href);
    for (const name of ["desk", "kind", "state", "q"]) {
      const value = String(new FormData(this.form).get(name) ?? "").trim();
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    if (this.filter.quiet) address.searchParams.set("quiet", "all");
    else address.searchParams.delete("quiet");
    for (const gone of ["after", "said"]) address.searchParams.delete(gone);
    history.replaceState(null, "", address);
    if (this.filter.state === "closed") void this.loadClosed();
    this.render();
  }

  private kindPressed(e: Event): void {
    const link = (e.target as Element).closest<HTMLElement>("[data-kind]");
    if (!link) return;
    e.preventDefault();
    const select = this.form.elements.namedItem("kind") as HTMLSelectElement;
    select.value = select.value === link.dataset.kind ? "" : link.dataset.kind!;
    this.filterChanged();
    one<HTMLElement>(`.room-kinds [data-kind="${CSS.escape(link.dataset.kind!)}"]`).focus();
  }

  private foldQuiet(): void {
    this.filter.quiet = !this.filter.quiet;
    this.filterChanged();
  }

  private renderSoon(): void {
    this.timer ??= window.setTimeout(() => this.render(), renderEvery);
  }

  private render(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.begun) return;
    const shown = (this.shown = this.store.shown(this.filter));
    this.list.show(shown);
    this.renderCounts();
    const empty = one<HTMLElement>(".room-empty");
    empty.hidden = shown.length > 0 || !this.loaded;
    empty.textContent = this.filter.desk || this.filter.kind || this.filter.state || this.filter.words.length ? say("room.nonefiltered") : say("room.none");
    this.tellMap();
  }

  private renderCounts(): void {
    const c = this.store.counts(this.filter);
    one(".room-words").textContent = say("room.words", { n: c.all });
    const number = (field: string, counts: Map<string, number>, sum: number) => {
      for (const o of (this.form.elements.namedItem(field) as HTMLSelectElement).options) {
        const n = o.value ? (counts.get(o.value) ?? 0) : sum;
        const words = o.value === "closed" ? o.dataset.words! : say("room.counted", { words: o.dataset.words!, n });
        if (o.textContent !== words) o.textContent = words;
      }
    };
    const sum = (m: Map<string, number>) => [...m.values()].reduce((a, b) => a + b, 0);
    number("desk", c.desk, sum(c.desk));
    number("kind", c.kind, sum(c.kind));
    number("state", c.state, sum(c.state));
    const kinds = room.kinds.map((k) => k.name).filter((k) => c.kind.get(k) || this.filter.kind === k);
    const list = one(".room-kinds ul");
    const words = kinds.map((k) => `${k} ${c.kind.get(k) ?? 0} ${this.filter.kind === k}`).join();
    if (list.getAttribute("data-words") !== words) {
      const held = list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.kind : "";
      list.setAttribute("data-words", words);
      list.replaceChildren(
        ...kinds.map((k) => {
          const address = new URL(location.href);
          address.searchParams.set("kind", k);
          const link = make("a", { href: address.pathname + address.search, "data-kind": k }, say("room.counted", { words: kindOf(k), n: c.kind.get(k) ?? 0 }));
          if (this.filter.kind === k) link.setAttribute("aria-current", "true");
          return make("li", {}, link);
        }),
      );
      if (held) list.querySelector<HTMLElement>(`[data-kind="${CSS.escape(held)}"]`)?.focus();
    }
    this.fold.hidden = c.quiet === 0 && !this.filter.quiet;
    this.fold.setAttribute("aria-expanded", String(this.filter.quiet));
    this.fold.textContent = say("room.quietfold", { n: c.quiet });
  }

  private tellMap(): void {
    document.dispatchEvent(new CustomEvent(alertsShown, { detail: this.shown }));
  }

  // What is done, and to which.

  private toolbar(): void {
    const bar = one<HTMLElement>(".room-acts");
    const names: (Do | "take")[] = ["acknowledge", "take", "assign", "snooze", "note", "escalate", "close"];
    for (const name of names) {
      const b = make("button", { type: "button", onclick: () => void this.do(name) }, say(`room.do.${name as "acknowledge"}`));
      this.tools.set(name, b);
    }
    bar.replaceChildren(this.toolWords, ...this.tools.values());
  }

  private renderTools(): void {
    const targets = this.targets();
    for (const [, b] of this.tools) b.disabled = targets.length === 0;
    const words = this.list.selected.size ? say("room.selected", { n: this.list.selected.size }) : "";
    if (this.toolWords.textContent !== words) this.toolWords.textContent = words;
  }

  /** What is selected, or else the current alert, of the desks that one may handle. */
  private targets(): Alert[] {
    const keys = this.list.selected.size ? [...this.list.selected] : this.list.current ? [this.list.current] : [];
    return keys.flatMap((k) => this.store.get(k) ?? []).filter((a) => room.handles.includes(a.desk));
  }

  private async do(what: Do | "take"): Promise<void> {
    const targets = this.targets();
    if (!targets.length) {
      this.acts.tell(say(this.list.current ? "room.notyours" : "room.choosefirst"), true);
      return;
    }
    let details: Details | null = {};
    if (what === "take") details = { to: "me" };
    else if (what === "assign" || what === "snooze" || what === "note" || what === "close") details = await ask(what, targets);
    if (!details) return;
    const op: Do = what === "take" ? "assign" : what;
    const goes = op === "close" || (this.filter.state !== "" && op !== "note" && op !== "escalate");
    const next = goes ? this.list.after(new Set(targets.map((a) => a.key))) : "";
    const focused = one(".room-scroll").contains(document.activeElement) || document.activeElement === document.body;
    this.list.selected.clear();
    const done = await this.acts.act(op, targets, details);
    if (done && next && goes) {
      this.render();
      this.list.go(next, focused);
    }
    if (this.detailOf) this.detailSoon(this.detailOf, 0);
  }

  /** The forms of the detail are sent like everything else. */
  private formSent(e: SubmitEvent): void {
    const form = e.target as HTMLFormElement;
    const a = this.store.get(form.dataset.key ?? "");
    if (!form.matches("[data-acts]") || !a) return;
    e.preventDefault();
    const values = new FormData(form, e.submitter);
    const text = (name: string) => (values.has(name) ? String(values.get(name)).trim() : undefined);
    const what = text("do") as Do;
    const details: Details = {};
    if (what === "assign") details.to = text("to") ?? "";
    if (what === "note") details.text = text("text") ?? "";
    if (what === "close") details.verdict = text("verdict") ?? "";
    if (what === "snooze") details.until = new Date(Date.now() + Number(text("minutes")) * 60_000).toISOString();
    void this.acts.act(what, [a], details).then((done) => {
      if (done) form.reset();
      this.detailSoon(a.key, 0);
    });
  }

  // The chosen alert.

  private chosen(a: Alert): void {
    const address = new URL(location.href);
    address.searchParams.set("alert", a.key);
    address.searchParams.delete("said");
    history.replaceState(null, "", address);
    document.dispatchEvent(new CustomEvent(alertChosen, { detail: a }));
    this.renderTools();
    this.detailSoon(a.key, 150);
  }

  private detailSoon(key: string, delay: number): void {
    this.detailOf = key;
    clearTimeout(this.detailTimer);
    this.detailTimer = window.setTimeout(() => void this.fetchDetail(key), delay);
  }

  private async fetchDetail(key: string): Promise<void> {
    const page = await fetchPage(`/room/alert?key=${encodeURIComponent(key)}`);
    const next = page?.querySelector("#detail");
    if (key !== this.detailOf) return;
    if (!next) {
      const a = this.store.get(key);
      if (a) this.detail.replaceChildren(make("h2", {}, titleOf(a)), make("p", {}, stateOf(a)), make("p", { class: "notice" }, say("room.nodetail")));
      return;
    }
    const writing = this.detail.contains(document.activeElement) && typing(document.activeElement) && (document.activeElement as HTMLTextAreaElement).value !== "";
    if (writing && this.detail.dataset.key === key) return; // not under somebody's fingers
    const open = this.detail.dataset.key === key ? [...this.detail.querySelectorAll("details")].map((d) => d.open) : [];
    this.detail.dataset.key = key;
    this.detail.replaceChildren(...next.childNodes);
    this.detail.querySelectorAll("details").forEach((d, i) => (d.open = open[i] ?? d.open));
  }

  // Keys.

  private keys(e: KeyboardEvent): void {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (typing(e.target)) {
      if (e.key === "Escape") {
        (e.target as HTMLElement).blur();
        this.list.go(this.list.current);
      }
      return;
    }
    if (e.key === "?") {
      e.preventDefault();
      this.help();
      return;
    }
    const inList = one(".room-scroll").contains(e.target as Node);
    if (inList && (e.key === "ArrowDown" || e.key === "ArrowUp")) {
      e.preventDefault();
      this.list.move(e.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (!keysAreOn()) return;
    const run: Record<string, () => void> = {
      "/": () => (this.form.elements.namedItem("q") as HTMLInputElement).focus(),
      j: () => this.list.move(1), k: () => this.list.move(-1),
      a: () => void this.do("acknowledge"), t: () => void this.do("take"), g: () => void this.do("assign"), s: () => void this.do("snooze"),
      n: () => void this.do("note"), e: () => void this.do("escalate"), c: () => void this.do("close"), u: () => this.acts.undo(),
      x: () => this.list.current && this.list.toggle(this.list.current),
      w: () => location.assign("/room/wall"),
    };
    const act = run[e.key.toLowerCase()];
    if (!act || e.repeat && !"jk".includes(e.key.toLowerCase())) return;
    e.preventDefault();
    act();
  }

  private help(): void {
    const rows = ["/", "J", "K", "X", "A", "T", "G", "S", "N", "E", "C", "U", "W", "?"].map((k) =>
      make("div", {}, make("dt", {}, make("kbd", {}, k)), make("dd", {}, say(`room.key.${k === "/" ? "search" : k === "?" ? "help" : (k.toLowerCase() as "j")}`))),
    );
    const on = make("input", { type: "checkbox", id: "room-keys", checked: keysAreOn(), onchange: () => setKeys(on.checked) });
    const dialog = make(
      "dialog", { class: "room-dialog", "aria-labelledby": "room-help" },
      make(
        "form", { method: "dialog" }, make("h2", { id: "room-help" }, say("room.keys")), make("dl", { class: "room-keys" }, ...rows),
        make("p", { class: "field field-check" }, on, make("label", { for: "room-keys" }, say("room.keyson"))), make("p", { class: "actions" }, make("button", { class: "first" }, say("room.closehelp"))),
      ),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }
}

new Room();
