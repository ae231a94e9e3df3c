// Runs tests one after the other in one Chromium and reports each as a line of JSON.
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";

declare const process: { env: Record<string, string | undefined>; exit(code: number): never; stdout: { write(s: string): void } };

export const own = process.env.POLITY_OWN!; // pages for somebody with all rights
export const everyone = process.env.POLITY_EVERYONE!; // pages for the public
const control = process.env.POLITY_CONTROL!;
const shots = process.env.POLITY_SHOTS; // folder for pictures to look at
const only = process.env.POLITY_ONLY;

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
  ) {}

  /** A page that notes errors, and requests to anybody else. */
  async open(address: string, options: BrowserContextOptions = {}, allowed: RegExp = /^$/): Promise<Page> {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", timezoneId: "America/New_York", ...options });
    this.contexts.push(context);
    const page = await context.newPage();
    page.setDefaultTimeout(patience);
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

// What a machine without a graphics card says about drawing by software, and a browser
// about our reading pixels back.
const known = /willReadFrequently|GPU stall due to ReadPixels|GL Driver Message|WebGL.*(software|SwiftShader)/i;

export function check(ok: unknown, what: string): asserts ok {
  if (!ok) throw new Error(what);
}

export function same(got: unknown, want: unknown, what: string): void {
  if (got !== want) throw new Error(`${what}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

/** Waits until something holds. */
export async function until(what: string, holds: () => Promise<unknown>, ms = patience): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await new Promise((r) => setTimeout(r, 60));
  }
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
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const run = (window as unknown as { axe: { run(o: object): Promise<{ violations: Violation[] }> } }).axe.run;
    return (await run({ resultTypes: ["violations"] })).violations;
  });
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
    const trial = new Trial(await browser(draws), name);
    let error = "";
    try {
      await tell("reset");
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
