// The live feed (docs/formats/live.md): one connection carries every camera that
// anything on the page watches.
import type { Hello, LineState, LiveEvent, Marks, Place, State } from "./generated.ts";

export interface Watcher {
  place(p: Place): void;
  marks(m: Marks): void;
  state?(s: State): void;
  event?(e: LiveEvent): void;
  /** Whether the camera's messages arrive: "up", "camera" (its line is lost) or "hub" (ours is). */
  line(state: Line): void;
}

export type Line = "connecting" | "up" | "camera" | "hub";

const silence = 15_000; // a camera whose line is up says something every second
const retries = [1000, 2000, 5000, 10_000];

class Feed {
  private readonly watchers = new Map<string, Set<Watcher>>();
  private source: EventSource | null = null;
  private order: string[] = [];
  private heard = 0;
  private anyUp = false;
  private failures = 0;
  private timer: number | undefined;

  constructor() {
    setInterval(() => this.checkSilence(), 5000);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || !this.source) this.reopenSoon(document.hidden ? 30_000 : 0);
      else clearTimeout(this.timer); // back before it was closed
    });
    window.addEventListener("pagehide", () => this.close());
    window.addEventListener("pageshow", (e) => e.persisted && this.reopenSoon(0));
  }

  watch(camera: string, w: Watcher): () => void {
    const all = this.watchers.get(camera) ?? new Set();
    this.watchers.set(camera, all.add(w));
    w.line("connecting");
    this.reopenSoon(0);
    return () => {
      all.delete(w);
      if (!all.size) this.watchers.delete(camera);
      this.reopenSoon(0);
    };
  }

  /** Opens the feed again for what is watched by then; several changes at once count as one. */
  private reopenSoon(delay: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.open(), delay);
  }

  private close(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  private open(): void {
    this.close();
    const cameras = [...this.watchers.keys()].sort();
    if (!cameras.length || document.hidden) return;
    const source = new EventSource(`/live?cameras=${cameras.join(",")}`);
    this.source = source;
    this.heard = Date.now();
    this.anyUp = false;
    const on = <T>(name: string, take: (data: T) => void) =>
      source.addEventListener(name, (e) => {
        this.heard = Date.now();
        take(JSON.parse((e as MessageEvent<string>).data) as T);
      });
    on<Hello>("hello", (h) => {
      this.order = h.cameras;
      this.failures = 0;
      this.all((w) => w.line("connecting"));
    });
    on<LineState>("line", (l) => {
      this.anyUp ||= l.up;
      this.of(l.c, (w) => w.line(l.up ? "up" : "camera"));
    });
    on<Place>("place", (p) => this.of(p.c, (w) => w.place(p)));
    on<Marks>("marks", (m) => this.of(m.c, (w) => w.marks(m)));
    on<State>("state", (s) => this.of(s.c, (w) => w.state?.(s)));
    on<LiveEvent>("event", (e) => this.of(e.c, (w) => w.event?.(e)));
    source.onerror = () => this.lost();
  }

  /** The browser connects again by itself after a break, but not after a refusal. */
  private lost(): void {
    this.all((w) => w.line("hub"));
    if (this.source?.readyState === EventSource.CLOSED) {
      this.reopenSoon(retries[Math.min(this.failures++, retries.length - 1)] ?? 10_000);
    }
  }

  /** A connection can be dead without either end being told. */
  private checkSilence(): void {
    if (!this.source || !this.anyUp || Date.now() - this.heard < silence) return;
    this.all((w) => w.line("hub"));
    this.open();
  }

  private of(index: number, tell: (w: Watcher) => void): void {
    for (const w of this.watchers.get(this.order[index] ?? "") ?? []) tell(w);
  }

  private all(tell: (w: Watcher) => void): void {
    for (const set of this.watchers.values()) for (const w of set) tell(w);
  }
}

let feed: Feed | undefined;

/** Watches a camera until the returned function is called. */
export function watch(camera: string, w: Watcher): () => void {
  feed ??= new Feed();
  return feed.watch(camera, w);
}
