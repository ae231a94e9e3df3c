// Sends what waits, in order, each under its key, and fetches orders. The hub does what
// it had done already once only, so that an answer that was lost does no harm.
import { drop, keep, keepOrders, waiting, type Waiting } from "./crewstore.ts";
import type { CrewData, CrewOrder, Problem } from "./generated.ts";

/** How it stands with the line: here, away (nobody answers), failing (the hub answers with an error of its own), signin. */
export type Line = "here" | "away" | "failing" | "signin";

const patience = 20_000; // ms for one answer; photos have four times as long

export class CrewLine {
  line: Line = "here";
  private busy = false;
  private again = false;
  private failed = 0; // turns one after the other
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private person: string,
    private readonly changed: (data: CrewData | null) => void,
    private readonly took: (o: Partial<CrewOrder>) => void,
  ) {
    addEventListener("online", () => void this.turn());
    addEventListener("offline", () => {
      this.line = "away";
      this.changed(null);
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.turn();
    });
  }

  /** Sends what waits, then fetches orders; one turn at a time in all of the browser's pages. */
  async turn(): Promise<void> {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    while (this.again) {
      this.again = false;
      await alone(() => this.once());
    }
    this.busy = false;
    clearTimeout(this.timer);
    this.failed = this.line === "here" ? 0 : this.failed + 1;
    this.timer = setTimeout(() => void this.turn(), this.failed === 0 ? 30_000 : Math.min(60_000, 3_000 * 1.5 ** this.failed));
  }

  private async once(): Promise<void> {
    let data = await this.fetchOrders(); // also says whether the sign-in is still good, and whose it is
    if (data) {
      const all = (await waiting()).filter((w) => !w.refused && w.person === this.person);
      for (const w of all) {
        this.line = await this.send(w);
        if (this.line !== "here") break;
        this.changed(null);
      }
      if (all.length > 0 && this.line === "here") data = (await this.fetchOrders()) ?? data;
    }
    this.changed(data);
  }

  private async fetchOrders(): Promise<CrewData | null> {
    const answer = await ask("/orders/mine.json", {}, patience);
    this.line = lineOf(answer);
    if (this.line !== "here" || !answer) return null;
    try {
      const data = (await answer.json()) as CrewData;
      this.person = data.person;
      await keepOrders(data);
      return data;
    } catch {
      this.line = "failing";
      return null;
    }
  }

  /** Sends one thing. What the hub refuses stays, with the reason, and holds up nothing behind it. */
  private async send(w: Waiting): Promise<Line> {
    const answer = await ask(...requestOf(w));
    const line = lineOf(answer);
    if (!answer || line === "away" || line === "failing") return line;
    if (answer.ok) {
      this.took((await answer.json().catch(() => ({}))) as Partial<CrewOrder>);
      await drop(w.seq!);
      return "here";
    }
    if (line === "signin" && lineOf(await ask("/orders/mine.json", {}, patience)) !== "here") return "signin";
    const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    await keep({ ...w, refused: problem.message ?? `${answer.status}` });
    return "here";
  }
}

function requestOf(w: Waiting): [string, RequestInit, number] {
  const at = `/orders/mine/${encodeURIComponent(w.order)}`;
  const told = new Date(w.told).toISOString();
  if (w.what.kind === "photo") {
    const { stage, x, y, w: width, h } = w.what;
    const q = new URLSearchParams({ key: w.key, stage, x: String(x), y: String(y), w: String(width), h: String(h), told });
    return [`${at}/photos?${q}`, { method: "POST", headers: { "Content-Type": "image/jpeg" }, body: w.what.jpeg }, 4 * patience];
  }
  const { kind, ...rest } = w.what;
  return [`${at}/${kind}s`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ key: w.key, told, ...rest }) }, patience];
}

async function ask(address: string, request: RequestInit, ms: number): Promise<Response | null> {
  try {
    return await fetch(address, { ...request, redirect: "manual", cache: "no-store", headers: { ...request.headers, Accept: "application/json" }, signal: AbortSignal.timeout(ms) });
  } catch {
    return null;
  }
}

/** What an answer says of the line; a refusal of what was sent is no matter of the line. */
function lineOf(answer: Response | null): Line {
  if (!answer) return "away";
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return "signin";
  if (answer.status >= 500 || answer.status === 408 || answer.status === 429) return "failing";
  return "here";
}

async function alone(run: () => Promise<void>): Promise<void> {
  if (navigator.locks) await navigator.locks.request("polity-crew-line", run);
  else await run();
}
