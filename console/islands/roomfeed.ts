// The feed of alerts (docs/formats/alerts.md), read by fetch: a comment every 15 s tells
// that the line lives, which an EventSource keeps to itself, and a line that died without
// a word is the one that an operator must not trust.

export interface Follower {
  /** An event with its data as JSON. */
  event(name: string, data: unknown): void;
  /** Whether the line is up. */
  line(up: boolean): void;
  /** The one who asks has no right any more, or the sign-in ended. */
  refused(status: number): void;
}

const silence = 40_000; // ms: two comments and some
const retries = [500, 1000, 2000, 5000, 10_000];

export class RoomFeed {
  private cursor = "";
  private failures = 0;
  private reading: AbortController | null = null;
  private silent: number | undefined;
  private again: number | undefined;

  constructor(
    private readonly address: string,
    private readonly to: Follower,
  ) {
    window.addEventListener("online", () => this.follow(this.cursor));
    window.addEventListener("pagehide", () => this.stop());
    window.addEventListener("pageshow", (e) => e.persisted && this.follow(this.cursor));
  }

  /** Follows from a cursor on, until it is called again or stopped. */
  follow(cursor: string): void {
    this.stop();
    this.cursor = cursor;
    void this.read();
  }

  stop(): void {
    clearTimeout(this.again);
    clearTimeout(this.silent);
    this.reading?.abort();
    this.reading = null;
  }

  private async read(): Promise<void> {
    const reading = (this.reading = new AbortController());
    const mine = () => this.reading === reading;
    try {
      const answer = await fetch(`${this.address}?from=${encodeURIComponent(this.cursor)}`, {
        headers: { Accept: "text/event-stream" }, cache: "no-store", signal: reading.signal,
      });
      if (!mine()) return;
      if (answer.status === 401 || answer.status === 403) {
        this.to.line(false);
        this.to.refused(answer.status);
        this.stop();
        return;
      }
      if (!answer.ok || !answer.body) throw new Error(String(answer.status));
      this.hear();
      const words = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ; ) {
        const { done, value } = await words.read();
        if (!mine()) return;
        if (done) break;
        this.hear();
        const events = (rest + value).split("\n\n");
        rest = events.pop() ?? "";
        for (const e of events) {
          this.take(e);
          if (!mine()) return;
        }
      }
    } catch {
      if (!mine()) return;
    }
    this.lost();
  }

  private take(text: string): void {
    let [name, data, id] = ["", "", ""];
    for (const line of text.split("\n")) {
      const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
      if (field === "event") name = value!;
      else if (field === "data") data += value!;
      else if (field === "id") id = value!;
    }
    if (!name || !data) return;
    this.failures = 0;
    if (name === "hello") this.to.line(true);
    this.to.event(name, JSON.parse(data));
    if (id) this.cursor = id;
  }

  private hear(): void {
    clearTimeout(this.silent);
    this.silent = window.setTimeout(() => {
      this.reading?.abort();
      this.reading = null;
      this.lost();
    }, silence);
  }

  private lost(): void {
    clearTimeout(this.silent);
    this.to.line(false);
    const delay = retries[Math.min(this.failures++, retries.length - 1)] ?? 10_000;
    this.again = window.setTimeout(() => void this.read(), delay);
  }
}
