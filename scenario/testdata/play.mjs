// Opens the page of a case, plays its clip, and draws a mark by keyboard. It prints one JSON
// object: what it saw.
import { createRequire } from "node:module";

const { POLITY_MODULES, POLITY_CHROMIUM, POLITY_PLAY, POLITY_SHOTS } = process.env;
const { chromium } = createRequire(POLITY_MODULES + "/x.js")("playwright-core");

const browser = await chromium.launch({ executablePath: POLITY_CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
const seen = { errors: [], outside: [] };
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  context.setDefaultTimeout(60_000); // a busy machine is slow, not wrong
  const page = await context.newPage();
  page.on("pageerror", (e) => seen.errors.push(String(e)));
  page.on("request", (r) => {
    if (!r.url().startsWith(new URL(POLITY_PLAY).origin) && !r.url().startsWith("blob:")) seen.outside.push(r.url());
  });
  await page.goto(POLITY_PLAY);
  const shows = () => {
    const v = document.querySelector("video");
    return v !== null && v.readyState >= 2 && v.videoWidth > 0;
  };
  await page.waitForFunction(shows);
  seen.first = await page.evaluate(() => document.querySelector("video").currentTime);
  await page.click("#play");
  await page.waitForFunction((t) => document.querySelector("video").currentTime > t + 1, seen.first);
  await page.click("#play");
  seen.then = await page.evaluate(() => document.querySelector("video").currentTime);
  seen.width = await page.evaluate(() => document.querySelector("video").videoWidth);
  await page.click("#mark");
  await page.waitForFunction(() => document.querySelectorAll("#marks li").length === 1);
  await page.waitForFunction(() => /^Kept in the case/.test(document.querySelector("#saved").textContent));
  seen.saved = await page.evaluate(() => document.querySelector("#saved").textContent);
  if (POLITY_SHOTS) {
    await page.screenshot({ path: POLITY_SHOTS + "/play.png", fullPage: true });
    await page.setViewportSize({ width: 360, height: 800 });
    await page.emulateMedia({ colorScheme: "dark" });
    await page.screenshot({ path: POLITY_SHOTS + "/play-360.png", fullPage: true });
  }
  const again = await (await browser.newPage()).goto(POLITY_PLAY, { timeout: 60_000 });
  seen.again = again.status();
} catch (e) {
  seen.errors.push(String(e));
}
await browser.close();
console.log(JSON.stringify(seen));
