// Hangs the wall in one page of Chromium and measures its processes.
// Arguments: ADDRESS SCENES SECONDS CHROMIUM. The last line is the result as JSON.
const { readFileSync } = require("node:fs");
const { chromium } = require("playwright-core");

const [address, scenes, seconds, executablePath] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), process.argv[5]];
const mib = 1024 * 1024;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Counts, for each canvas of marks, how often it is cleared to be drawn anew. */
function countFrames() {
  const drawn = (window.drawn = new Map());
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.className === "scene-marks") drawn.set(this.canvas, (drawn.get(this.canvas) ?? 0) + 1);
    return clear.apply(this, box);
  };
}

const resident = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

async function main() {
  const browser = await chromium.launch({ executablePath, chromiumSandbox: false, args: ["--disable-gpu"] });
  process.on("SIGINT", () => browser.close().finally(() => process.exit(1)));
  try {
    const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
    let feeds = 0;
    page.on("request", (r) => (feeds += new URL(r.url()).pathname === "/live" ? 1 : 0));
    page.on("pageerror", (e) => console.log(`the page failed: ${e.message}`));
    await page.addInitScript(countFrames);
    const cameras = Array.from({ length: scenes }, (_, i) => `street-${String(i + 1).padStart(2, "0")}`).join(",");
    await page.goto(`${address}/room/wall?cameras=${cameras}&tiles=${scenes}`);
    await page.waitForFunction((n) => document.querySelectorAll(".wall-tile .sign-live").length >= n, scenes, { timeout: 60_000 });
    const tools = await page.context().newCDPSession(page);
    const whole = await browser.newBrowserCDPSession();
    await tools.send("Performance.enable");
    await tools.send("Network.enable");
    let bytes = 0;
    tools.on("Network.dataReceived", (e) => (bytes += e.encodedDataLength || e.dataLength));

    const processes = async () => (await whole.send("SystemInfo.getProcessInfo")).processInfo;
    const renderer = (await processes()).filter((p) => p.type === "renderer").sort((a, b) => resident(b.id) - resident(a.id))[0].id;
    const memory = async () => {
      for (let i = 0; i < 3; i++) await tools.send("HeapProfiler.collectGarbage");
      await sleep(1000);
      const { metrics } = await tools.send("Performance.getMetrics");
      return { rss: resident(renderer), heap: metrics.find((m) => m.name === "JSHeapUsedSize").value / mib };
    };
    const usage = async () => {
      const all = await processes();
      return { all: all.reduce((sum, p) => sum + p.cpuTime, 0), renderer: all.find((p) => p.id === renderer).cpuTime, at: Date.now() };
    };
    const frames = () => page.evaluate(() => [...document.querySelectorAll("canvas.scene-marks")].map((c) => window.drawn.get(c) ?? 0));
    const liveNow = () => page.evaluate(() => document.querySelectorAll(".wall-tile .sign-live").length);

    const begun = Date.now();
    const until = async (share, each) => {
      while (Date.now() < begun + share * seconds * 1000) {
        await sleep(Math.min(30_000, begun + share * seconds * 1000 - Date.now()));
        await each();
      }
    };
    let live = scenes;
    const watch = async () => {
      const now = await liveNow();
      live = Math.min(live, now);
      console.log(`${now} scenes live, ${resident(renderer).toFixed(1)} MiB resident`);
    };
    await until(0.2, watch);
    const first = await memory();
    const [usageBefore, framesBefore, bytesBefore] = [await usage(), await frames(), bytes];
    await until(1, watch);
    const [usageAfter, framesAfter] = [await usage(), await frames()];
    const took = (usageAfter.at - usageBefore.at) / 1000;
    const perScene = (bytes - bytesBefore) / took / scenes;
    const last = await memory();

    const looks = () => page.evaluate(() => [...document.querySelectorAll("canvas.scene-marks")].map((c) => c.toDataURL()));
    const [here, there] = [await looks(), (await sleep(2000), await looks())];
    const rates = framesAfter.map((n, i) => (n - framesBefore[i]) / took);
    console.log(
      JSON.stringify({
        live,
        rss: [first.rss, last.rss],
        heap: [first.heap, last.heap],
        cpu: (100 * (usageAfter.all - usageBefore.all)) / took,
        rendererCPU: (100 * (usageAfter.renderer - usageBefore.renderer)) / took,
        framesLeast: Math.min(...rates),
        framesMean: rates.reduce((a, b) => a + b, 0) / rates.length,
        moved: here.filter((h, i) => h !== there[i]).length,
        feeds,
        bytesPerScene: perScene,
      }),
    );
  } finally {
    await browser.close();
  }
}

main().catch((e) => {
  console.log(e.message);
  process.exit(1);
});
