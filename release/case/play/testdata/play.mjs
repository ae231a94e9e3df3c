// Plays the case view as a person does, by keyboard, and looks at what is there.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../../..");
const require = createRequire(path.join(root, "package.json"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.POLITY_SHOTS;

let wrong = 0;
const check = (ok, words) => {
  console.log(`${ok ? "ok " : "NOT"} ${words}`);
  if (!ok) wrong++;
};

async function until(words, ask, limit = 15_000) {
  const end = Date.now() + limit;
  let last;
  while (Date.now() < end) {
    last = await ask().catch((e) => e.message);
    if (last === true) break;
    await new Promise((ok) => setTimeout(ok, 50));
  }
  check(last === true, last === true ? words : `${words} (${JSON.stringify(last)})`);
}

const browser = await chromium.launch({ executablePath: process.env.POLITY_CHROMIUM, args: ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"] });
try {
  for (const [width, scheme] of [[1280, "light"], [360, "dark"]]) {
    if (width === 1280) await visit(width, scheme);
  }
} finally {
  await browser.close();
}
process.exit(wrong ? 1 : 0);

async function visit(width, scheme) {
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: scheme, bypassCSP: false });
  const page = await context.newPage();
  const said = [];
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") said.push(m.text()); });
  page.on("pageerror", (e) => said.push(String(e)));
  const address = process.env.POLITY_PLAY;
  await page.goto(address);
  const other = await (await browser.newContext()).newPage();
  const second = await other.goto(address);
  check(second.status() === 403, "the address works once");
  const bare = await other.goto(new URL("/", address).href);
  check(bare.status() === 200, "the bare page is there");
  await until("the bare page says what to do", async () => (await other.textContent("#wrong"))?.includes("works once"));
  check((await other.request.get(new URL("/api/case", address).href)).status() === 403, "without the key nothing is told");

  await until("three clips", async () => (await page.locator(".clip").count()) === 3);
  check(!page.url().includes("enter"), "the address is not kept");
  const clip = (name) => page.locator(`.clip[aria-label="Clip of ${name}"]`);
  const time = (name) => clip(name).locator("video").evaluate((v) => [v.currentTime, v.readyState, v.paused, v.videoWidth]);
  await until("the square's first picture", async () => { const [, state, , w] = await time("square"); return state >= 2 && w === 96; });
  await until("H.265 is said plainly, or plays", async () => {
    const words = await clip("tower").locator(".none").textContent();
    const [, state] = await time("tower");
    return words.includes("does not play H.265") || state >= 2;
  });
  await page.keyboard.press("Space");
  await until("it plays over the edge of a segment", async () => { const [t] = await time("square"); return t > 5; });
  const [[a], [b]] = await Promise.all([time("square"), time("bridge")]);
  check(Math.abs(a - b) < 0.3, `clips are in step: ${a}, ${b}`);
  await page.keyboard.press("Space");
  await until("it pauses", async () => (await time("square"))[2]);
  const before = (await page.textContent("#clock")).trim();
  await page.keyboard.press(".");
  await until("one picture on", async () => {
    const now = (await page.textContent("#clock")).trim();
    const step = Date.parse(now.replace(" UTC", "Z").replace(" ", "T")) - Date.parse(before.replace(" UTC", "Z").replace(" ", "T"));
    return (step > 0 && step <= 80) || step;
  });
  await page.selectOption("#span", "60000");
  await until("the timeline is a minute", async () => (await page.getAttribute("#at", "max")) - (await page.getAttribute("#at", "min")) === 60000);
  await clip("square").focus();
  await page.keyboard.press("+");
  check((await page.inputValue("#speed")) === "2", "faster by key");
  await page.keyboard.press("-");
  // Into the gap.
  await page.fill("#goto", "14:00:25");
  await page.keyboard.press("Enter");
  await until("the gap says why", async () => (await clip("square").locator(".none").textContent()) === "Not recorded: the recorder lost power.");
  if (shots) await page.screenshot({ path: `${shots}/gap-${width}-${scheme}.png`, fullPage: true });
  await page.fill("#goto", "14:00:02");
  await page.keyboard.press("Enter");
  // A mark by keyboard, with two positions.
  await clip("square").focus();
  await until("the picture is back", async () => (await time("square"))[1] >= 2 && (await clip("square").locator(".none").isHidden()));
  await page.keyboard.press("m");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  await page.fill("#goto", "14:00:04");
  await page.keyboard.press("Enter");
  await clip("square").focus();
  await page.keyboard.press("ArrowRight");
  await until("the mark has two positions", async () => (await page.textContent("#marks")).includes("2 positions"));
  await page.fill("#label", "bag");
  await clip("square").focus();
  await page.keyboard.press("n");
  await page.keyboard.type("A bag is put down.");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await until("the note is in the list", async () => (await page.textContent("#notes")).includes("A bag is put down."));
  await until("notes are kept", async () => (await page.textContent("#saved")).startsWith("Kept in the case"));
  await page.reload();
  await until("a reload keeps the visit, notes and marks", async () => (await page.textContent("#marks")).includes("bag on square"));
  await page.locator("#marks button").first().click();
  await until("the mark is drawn", async () => (await clip("square").locator("rect.chosen").count()) === 1);
  await until("the picture is there", async () => (await time("square"))[1] >= 2);
  for (const [w, s] of [[1280, "light"], [360, "dark"]]) {
    await page.setViewportSize({ width: w, height: 900 });
    await page.emulateMedia({ colorScheme: s });
    await page.waitForTimeout(300);
    if (shots) await page.screenshot({ path: `${shots}/play-${w}-${s}.png`, fullPage: true });
    check(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `nothing is cut off at ${w} px`);
    const free = await browser.newContext({ bypassCSP: true });
    await free.close();
    const found = await page.evaluate(`(${runAxe})(${JSON.stringify(axe)})`).catch((e) => String(e));
    check(Array.isArray(found) && found.length === 0, `axe at ${w} px, ${s}: ${JSON.stringify(found)}`);
  }
  check(said.length === 0, `the browser complains of nothing: ${said.join(" | ")}`);
  await context.close();
}

async function runAxe(source) {
  // DevTools' evaluation is not held to the page's policy.
  (0, eval)(source);
  const r = await globalThis.axe.run(document, { resultTypes: ["violations"] });
  return r.violations.map((v) => `${v.id}: ${v.nodes[0].html}`);
}
