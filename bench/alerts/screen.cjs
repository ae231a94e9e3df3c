// Opens the control room's page in Chromium and notes when each alert's row is painted.
// Arguments: ADDRESS COOKIE-NAME COOKIE-VALUE CHROMIUM. A line "end" on the standard input
// has it scroll through the list and end; the last line is the result as JSON.
const { createInterface } = require("node:readline");
const { chromium } = require("playwright-core");

const [address, name, value, executablePath] = process.argv.slice(2);

/** Notes keys of rows by the first frame after they stand in the page. */
function watchRows() {
  const seen = (window.seenRows = {});
  const lines = (window.linesUp = []);
  const real = window.fetch;
  window.fetch = async (...args) => {
    const answer = await real(...args);
    if (String(args[0]).startsWith("/room/feed") && answer.ok) lines.push(Date.now());
    return answer;
  };
  let fresh = [];
  const look = () => {
    const now = Date.now();
    for (const key of fresh) seen[key] = now;
    fresh = [];
    for (const row of document.querySelectorAll("tr[data-key]")) if (!(row.dataset.key in seen)) fresh.push(row.dataset.key);
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

/** Scrolls through the whole list, so that each row is drawn once. */
async function scrollThrough() {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const row = document.querySelector("tr[data-key]");
  let box = row.parentElement;
  while (box && !(box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY))) box = box.parentElement;
  box ??= document.scrollingElement;
  const before = { ...window.seenRows };
  for (let top = 0; top < box.scrollHeight; top += Math.max(100, box.clientHeight)) {
    box.scrollTop = top;
    for (let i = 0; i < 3; i++) await frame();
  }
  return { seen: before, all: Object.keys(window.seenRows), lines: window.linesUp, rows: Number(document.querySelector("table[aria-rowcount]")?.getAttribute("aria-rowcount") ?? 0) };
}

async function main() {
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ["--disable-gpu"] });
  process.on("SIGINT", () => browser.close().finally(() => process.exit(1)));
  try {
    const context = await browser.newContext({ viewport: { width: 1920, height: 1080 } });
    await context.addCookies([{ name, value, url: address, httpOnly: true, sameSite: "Strict" }]);
    const page = await context.newPage();
    page.on("pageerror", (e) => console.log(`the page failed: ${e.message}`));
    await page.addInitScript(watchRows);
    const answer = await page.goto(`${address}/room?desk=traffic`);
    if (!answer.ok()) throw new Error(`/room answers ${answer.status()}`);
    await page.waitForFunction(() => window.linesUp.length > 0, undefined, { timeout: 60_000 });
    const whole = await browser.newBrowserCDPSession();
    const usage = async () => {
      const all = (await whole.send("SystemInfo.getProcessInfo")).processInfo;
      return { all: all.reduce((sum, p) => sum + p.cpuTime, 0), renderer: Math.max(...all.filter((p) => p.type === "renderer").map((p) => p.cpuTime)), at: Date.now() / 1000 };
    };
    const before = await usage();
    console.log("the page follows");
    for await (const line of createInterface({ input: process.stdin })) if (line === "end") break;
    if (process.env.POLITY_SHOT) await page.screenshot({ path: process.env.POLITY_SHOT });
    const after = await usage();
    const each = (name) => (after[name] - before[name]) / (after.at - before.at);
    console.log(JSON.stringify({ ...(await page.evaluate(scrollThrough)), pageCPU: each("renderer"), browserCPU: each("all") }));
  } finally {
    await browser.close();
  }
}

main().then(
  () => process.exit(0),
  (e) => {
    console.error(e.message);
    process.exit(1);
  },
);
