// Public transport in every dress: the lines, a line, a stop.
import type { Page } from "playwright-core";
import { barriers, check, everyone, same, shows, test, type Trial } from "./runner.ts";

const pages: { name: string; at: string; says: string }[] = [
  { name: "transit", at: "/transit?stop=squ", says: "1 vehicle says where it is" },
  { name: "transit-line", at: "/transit/trams/lines/R%2F1", says: "6 minutes late" },
  { name: "transit-stop", at: "/transit/trams/stops/mk", says: "Times are those expected now" },
];

async function looksRight(t: Trial, page: Page, name: string, says: string, width: string): Promise<void> {
  await shows(page, "main", says);
  same(await page.locator("h1").count(), 1, "level-one headings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `${name}-${width}-${colorScheme}`);
  }
}

for (const { name, at, says } of pages) {
  test(`${name}, light and dark`, async (t) => {
    await looksRight(t, await t.open(everyone + at), name, says, "1280");
  });
  test(`${name}, 360 pixels`, async (t) => {
    const page = await t.open(everyone + at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
    await looksRight(t, page, name, says, "360");
  });
  test(`${name}, without scripts`, async (t) => {
    const page = await t.open(everyone + at, { javaScriptEnabled: false });
    await shows(page, "main", says);
  });
}

test("from a line to a stop by keyboard", async (t) => {
  const page = await t.open(`${everyone}/transit/trams/lines/R%2F1`);
  await page.locator("ol.found a", { hasText: "Market" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/transit/trams/stops/mk");
  await shows(page, "main", "Cancelled");
});
