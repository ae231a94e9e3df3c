// Runs tests one after the other in one Chromium and reports each as a line of JSON.
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type CDPSession, type Page } from "playwright-core";

declare const process: { env: Record<string, string | undefined>; exit(code: number): never; stdout: { write(s: string): void } };

export const own = process.env.POLITY_OWN!; // pages for somebody with all rights
export const everyone = process.env.POLITY_EVERYONE!; // pages for the public
const control = process.env.POLITY_CONTROL!;
const shots = process.env.POLITY_SHOTS; // folder for pictures to look at
const only = process.env.POLITY_ONLY;

const slow = Number(process.env.POLITY_SLOW ?? 1); // how many times slower every page's processor is
const began = Number(process.env.POLITY_BEGAN); // the city's clock at each test's beginning, ms since 1970

const [turn, turns] = (process.env.POLITY_TURN ?? "0/1").split("/").map(Number) as [number, number];

const patience = 60_000; // a busy machine is slow, not wrong

interface Test {
  name: string;
  run(t: Trial): Promise<void>;
  draws: boolean;
}

const tests: Test[] = [];

/** Most tests run in a browser without WebGL, which costs a sixth less; what draws a map with it says so. */
export function test(name: string, run: (t: Trial) => Promise<void>, needs: "webgl" | "" = ""): void {
  tests.push({ name, run, draws: needs === "webgl" });
}

/** Tells the city behind the pages to change. */
export async function tell(what: string, values: Record<string, string> = {}): Promise<void> {
  const answer = await fetch(`${control}/${what}?${new URLSearchParams(values)}`, { method: "POST" });
  if (!answer.ok) throw new Error(`control ${what}: ${answer.status} ${await answer.text()}`);
}

/** One test's browser contexts and what went wrong in them. */
export class Trial {
  private readonly contexts: BrowserContext[] = [];
  readonly wrong: string[] = [];
  readonly requests: string[] = [];

  constructor(
    private readonly browser: Browser,
    readonly name: string,
    private readonly ahead: number, // of the machine's clock, the city's, ms
  ) {}

  /** A page that notes errors, and requests to anybody else. */
  async open(address: string, options: BrowserContextOptions = {}, allowed: RegExp = /^$/): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", timezoneId: "America/New_York", ...options });
    this.contexts.push(context);
    context.setDefaultTimeout(patience);
    await context.addInitScript(cityClock, this.ahead);
    context.on("page", (p) => void slowed(p).catch(() => {})); // those that the page or the test opens itself
    const page = await context.newPage();
    await slowed(page);
    page.on("console", (m) => {
      const text = `${m.text()} (${m.location().url})`;
      if ((m.type() === "error" || m.type() === "warning") && !allowed.test(text) && !known.test(text)) this.wrong.push(`console ${m.type()}: ${text}`);
    });
    page.on("pageerror", (e) => this.wrong.push(`script: ${e.message}`));
    page.on("request", (r) => {
      this.requests.push(r.url());
      if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== new URL(address).origin) this.wrong.push(`a request to somebody else: ${r.url()}`);
    });
    const answer = await page.goto(address);
    if (!answer) throw new Error(`no answer from ${address}`);
    const policy = answer.headers()["content-security-policy"] ?? "";
    if (!policy.startsWith("default-src 'none'") || policy.includes("unsafe")) this.wrong.push(`policy: ${policy}`);
    return page;
  }

  async shot(page: Page, name: string, fullPage = true): Promise<void> {
    if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage });
  }

  async close(): Promise<void> {
    for (const c of this.contexts) await c.close();
  }
}

/** Runs in every page: its clock is the city's, so that no test depends on the date or the hour. */
function cityClock(ahead: number): void {
  const real = Date;
  const now = (): number => real.now() + ahead;
  globalThis.Date = new Proxy(real, {
    construct: (_, given, as) => Reflect.construct(real, given.length ? given : [now()], as) as object,
    get: (_, name) => (name === "now" ? now : (Reflect.get(real, name) as unknown)),
  });
}

const throttles = new WeakMap<Page, Promise<CDPSession>>();

/** Makes a page's processor as slow as asked for; it stays so for every page that is shown there. */
async function slowed(page: Page, rate = slow): Promise<void> {
  if (slow <= 1) return;
  if (!throttles.has(page)) throttles.set(page, page.context().newCDPSession(page));
  await (await throttles.get(page)!).send("Emulation.setCPUThrottlingRate", { rate });
}

// What a machine without a graphics card says about drawing by software, and a browser
// about our reading pixels back.
const known = /willReadFrequently|GPU stall due to ReadPixels|GL Driver Message|WebGL.*(software|SwiftShader)/i;

export function check(ok: unknown, what: string): asserts ok {
  if (!ok) throw new Error(what);
}

export function same(got: unknown, want: unknown, what: string): void {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

/** Waits until something holds; while one page gives way to another, nothing does. */
export async function until(what: string, holds: () => unknown, ms = patience): Promise<void> {
  const end = Date.now() + ms;
  const now = async (): Promise<unknown> => {
    try {
      return await holds();
    } catch (why) {
      if (/context was destroyed|Cannot find context|was detached/.test(String(why)) && Date.now() < end) return false;
      throw why;
    }
  };
  while (!(await now())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await new Promise((r) => setTimeout(r, 60));
  }
}

/** Waits until something has a value. */
export async function becomes(read: () => unknown, want: unknown, what: string): Promise<void> {
  let got: unknown;
  await until(what, async () => (got = await read()) === want).catch((why: Error) => {
    throw new Error(`${why.message}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
  });
}

/** Waits until the page's address has a pattern: a browser tells it a moment after the page wrote it. */
export async function addressed(page: Page, pattern: RegExp): Promise<void> {
  await until(`the address has ${pattern}`, () => pattern.test(page.url())).catch((why: Error) => {
    throw new Error(`${why.message}; it is ${page.url()}`);
  });
}

/** Waits until what has the keyboard is an element of a selector. */
export async function focused(page: Page, selector: string): Promise<void> {
  await until(`the keyboard is at ${selector}`, () => page.evaluate((s) => document.activeElement?.matches(s), selector));
}

/** Waits until what an element says includes some words: a script may still be writing them. */
export async function shows(page: Page, selector: string, words: string): Promise<void> {
  let text = "";
  const holds = async (): Promise<boolean> => (text = (await page.textContent(selector))?.replace(/\s+/g, " ") ?? "").includes(words);
  await until(`${selector} says “${words}”`, holds).catch((why: Error) => {
    throw new Error(`${why.message}; it says: ${text.slice(0, 300)}`);
  });
}

let axe = "";

interface Violation {
  id: string;
  impact: string;
  help: string;
  nodes: { html: string; failureSummary: string }[];
}

/** What axe finds that keeps somebody out. */
export async function barriers(page: Page): Promise<string[]> {
  axe ||= await (await fetch(`${control}/axe`)).text();
  await slowed(page, 1); // axe alone would take most of a slow run
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const run = (window as unknown as { axe: { run(o: object): Promise<{ violations: Violation[] }> } }).axe.run;
    return (await run({ resultTypes: ["violations"] })).violations;
  });
  await slowed(page);
  return found
    .filter((v) => v.impact === "serious" || v.impact === "critical")
    .map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} (${n.failureSummary.replace(/\s+/g, " ").slice(0, 240)})`).join("; ")}`);
}

export async function runAll(): Promise<void> {
  const open = new Map<boolean, Browser>();
  const browser = async (draws: boolean): Promise<Browser> => {
    const args = draws ? ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"] : ["--disable-gpu", "--disable-software-rasterizer"];
    if (!open.has(draws)) open.set(draws, await chromium.launch({ executablePath: process.env.POLITY_CHROMIUM!, chromiumSandbox: false, args }));
    return open.get(draws)!;
  };
  for (const [i, { name, run, draws }] of tests.entries()) {
    if (i % turns !== turn) continue; // another process's
    if (only && !new RegExp(only).test(name)) continue;
    const begun = Date.now();
    let error = "";
    const b = await browser(draws);
    await tell("reset");
    const trial = new Trial(b, name, began - Date.now());
    try {
      await run(trial);
      if (trial.wrong.length) throw new Error(trial.wrong.join("\n"));
    } catch (e) {
      error = [(e as Error).message, ...trial.wrong].join("\n");
    }
    await trial.close();
    process.stdout.write(`${JSON.stringify({ name, ms: Date.now() - begun, error })}\n`);
  }
  for (const b of open.values()) await b.close();
}
