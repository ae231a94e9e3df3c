// The open alerts that the one who asks may see, and what of them the filters let through.
import type { Alert } from "./generated.ts";
import { searchable } from "./roomwords.ts";

export interface Filter {
  desk: string;
  kind: string;
  state: string; // "" all open ones, "closed" those that were closed
  words: string[]; // lower case; all of them must stand there
  quiet: boolean; // quiet ones too, after the others
}

export interface Counts {
  desk: Map<string, number>;
  kind: Map<string, number>;
  state: Map<string, number>;
  quiet: number;
  all: number;
}

export function rank(a: Alert): number {
  return a.escalated ? Math.max(1, a.priority - 1) : a.priority;
}

/** By priority, then newest first; quiet ones after all others. */
export function order(a: Alert, b: Alert): number {
  return Number(a.quiet ?? false) - Number(b.quiet ?? false) || rank(a) - rank(b) || (a.start < b.start ? 1 : a.start > b.start ? -1 : a.key < b.key ? -1 : 1);
}

const mostClosed = 1000; // kept in the page, so that a shift takes no more memory at its end

export class RoomStore {
  private readonly open = new Map<string, Alert>();
  private readonly closed = new Map<string, Alert>(); // shown where somebody asks for closed ones
  private readonly text = new WeakMap<Alert, string>();

  get(key: string): Alert | undefined {
    return this.open.get(key) ?? this.closed.get(key);
  }

  /** Takes an alert unless a newer copy is here. Says whether it was not known before. */
  put(a: Alert): boolean {
    const had = this.get(a.key);
    if (had && had.sequence > a.sequence) return false;
    this.open.delete(a.key);
    this.closed.delete(a.key);
    (a.state === "closed" ? this.closed : this.open).set(a.key, a);
    if (this.closed.size > mostClosed) this.closed.delete(this.closed.keys().next().value!);
    return !had && a.state !== "closed";
  }

  /** Takes a copy that was changed here and is not yet so at the server. */
  pretend(a: Alert): void {
    (a.state === "closed" ? this.closed : this.open).set(a.key, a);
  }

  forget(): void {
    this.open.clear();
    this.closed.clear();
  }

  shown(f: Filter): Alert[] {
    const from = f.state === "closed" ? this.closed : this.open;
    const found: Alert[] = [];
    for (const a of from.values()) {
      if (f.desk && a.desk !== f.desk) continue;
      if (f.kind && a.kind !== f.kind) continue;
      if (f.state && a.state !== f.state) continue;
      if (a.quiet && !f.quiet) continue;
      if (f.words.length && !f.words.every((w) => this.textOf(a).includes(w))) continue;
      found.push(a);
    }
    if (f.state === "closed") return found.sort((a, b) => ((a.closed ?? "") < (b.closed ?? "") ? 1 : -1));
    return found.sort(order);
  }

  /** Counts of open alerts: each of the three within the other two filters. */
  counts(f: Filter): Counts {
    const c: Counts = { desk: new Map(), kind: new Map(), state: new Map(), quiet: 0, all: 0 };
    const add = (to: Map<string, number>, name: string) => to.set(name, (to.get(name) ?? 0) + 1);
    for (const a of this.open.values()) {
      const desk = !f.desk || a.desk === f.desk;
      const kind = !f.kind || a.kind === f.kind;
      const state = !f.state || f.state === "closed" || a.state === f.state;
      if (a.quiet) {
        if (desk && kind && state) c.quiet++;
        if (!f.quiet) continue;
      }
      c.all++;
      if (kind && state) add(c.desk, a.desk);
      if (desk && state) add(c.kind, a.kind);
      if (desk && kind) add(c.state, a.state);
    }
    return c;
  }

  private textOf(a: Alert): string {
    let t = this.text.get(a);
    if (t === undefined) this.text.set(a, (t = searchable(a).toLowerCase()));
    return t;
  }
}
