// Sends what waits on a telephone, in order, each under its key, and fetches the newest
// picture. The hub does what it had done already once only, so that an answer that was lost
// does no harm.
import type { Problem } from "./generated.ts";
import type { Outbox, Told } from "./outbox.ts";

/** How it stands with the line: here, away (nobody answers), failing (the hub answers with an error of its own), signin. */
export type Line = "here" | "away" | "failing" | "signin";

export type Request = [address: string, request: RequestInit, photo: boolean];

const patience = 20_000; // ms for one answer; photos have four times as long

export class SendLine<W extends Told, D extends { person: string }> {
  line: Line = "here";
  private busy = false;
  private again = false;
  private failed = 0; // turns one after the other
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private person: string,
    private readonly box: Outbox<W, D>,
    private readonly address: string, // of the newest picture
    private readonly requestOf: (w: W) => Request,
    private readonly changed: (data: D | null) => void,
    private readonly took: (answer: unknown) => void = () => {},
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

  /** Sends what waits, then fetches the picture; one turn at a time in all of the browser's pages. */
  async turn(): Promise<void> {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    while (this.again) {
      this.again = false;
      await this.alone(() => this.once());
    }
    this.busy = false;
    clearTimeout(this.timer);
    this.failed = this.line === "here" ? 0 : this.failed + 1;
    this.timer = setTimeout(() => void this.turn(), this.failed === 0 ? 30_000 : Math.min(60_000, 3_000 * 1.5 ** this.failed));
  }

  private async once(): Promise<void> {
    let data = await this.fetchNewest(); // also says whether the sign-in is still good, and whose it is
    if (data) {
      const all = (await this.box.waiting()).filter((w) => !w.refused && w.person === this.person);
      for (const w of all) {
        this.line = await this.send(w);
        if (this.line !== "here") break;
        this.changed(null);
      }
      if (all.length > 0 && this.line === "here") data = (await this.fetchNewest()) ?? data;
    }
    this.changed(data);
  }

  private async fetchNewest(): Promise<D | null> {
    const answer = await ask(this.address, {}, patience);
    this.line = lineOf(answer);
    if (this.line !== "here" || !answer) return null;
    try {
      const data = (await answer.json()) as D;
      this.person = data.person;
      await this.box.keepNewest(data);
      return data;
    } catch {
      this.line = "failing";
      return null;
    }
  }

  /** Sends one thing. What the hub refuses stays, with the reason, and holds up nothing behind it. */
  private async send(w: W): Promise<Line> {
    const [address, request, photo] = this.requestOf(w);
    const answer = await ask(address, request, photo ? 4 * patience : patience);
    const line = lineOf(answer);
    if (!answer || line === "away" || line === "failing") return line;
    if (answer.ok) {
      this.took(await answer.json().catch(() => ({})));
      await this.box.drop(w.seq!);
      return "here";
    }
    if (line === "signin" && lineOf(await ask(this.address, {}, patience)) !== "here") return "signin";
    const problem = (await answer.json().catch(() => ({}))) as Partial<Problem>;
    await this.box.keep({ ...w, refused: problem.message ?? `${answer.status}` });
    return "here";
  }

  private async alone(run: () => Promise<void>): Promise<void> {
    if (navigator.locks) await navigator.locks.request(`line of ${this.address}`, run);
    else await run();
  }
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
