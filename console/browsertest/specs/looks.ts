// Looks in every dress: for everyone, how to check them, and the auditor's details.
import type { Page } from "playwright-core";
import { barriers, check, everyone, own, same, test, type Trial } from "./runner.ts";

const pages: { name: string; at: string; says: string }[] = [
  { name: "looks", at: `${everyone}/looks`, says: "by 2 bodies, for 2 purposes" },
  { name: "looks-day", at: `${everyone}/looks?day=2026-11-20&camera=square`, says: "traffic-office" },
  { name: "looks-check", at: `${everyone}/looks/check`, says: "polity looks verify chain.jsonl" },
  { name: "looks-details", at: `${own}/looks/details?from=2026-11-18&to=2026-11-24`, says: "That you read this" },
];

async function words(page: Page): Promise<string> {
  return (await page.textContent("main"))?.replace(/\s+/g, " ") ?? "";
}

async function looksRight(t: Trial, page: Page, name: string, says: string, width: string): Promise<void> {
  check((await words(page)).includes(says), `the page does not say “${says}”`);
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
    await looksRight(t, await t.open(at), name, says, "1280");
  });
  test(`${name}, 360 pixels`, async (t) => {
    await looksRight(t, await t.open(at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true }), name, says, "360");
  });
  test(`${name}, without scripts`, async (t) => {
    check((await words(await t.open(at, { javaScriptEnabled: false }))).includes(says), `the page does not say “${says}”`);
  });
}

test("looks, the chart is drawn", async (t) => {
  const page = await t.open(`${everyone}/looks?month=2026-11`);
  await page.locator("[data-island='sensor'] canvas").waitFor();
});

test("looks, from a camera to a day by keyboard", async (t) => {
  const page = await t.open(`${everyone}/cameras/square`);
  await page.locator("a", { hasText: "times in November" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/looks?month=2026-11&camera=square");
  await page.locator("details.table summary").focus();
  await page.keyboard.press("Enter");
  await page.locator("details.table a", { hasText: "20 November" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/looks?day=2026-11-20&camera=square");
});

test("looks, who reads the details is in them", async (t) => {
  const page = await t.open(`${own}/looks/details`);
  await page.locator("input[name=from]").fill("2026-11-01");
  await page.locator("select[name=purpose]").selectOption("traffic");
  await page.locator("button", { hasText: "Show" }).click();
  await page.waitForURL("**purpose=traffic**");
  const looks = (await page.locator("[aria-label='Who looked']").textContent()) ?? "";
  check(looks.includes("traffic-office"), "the traffic office is not there");
  check(!looks.includes("safety"), "the filter let somebody else through");
  await page.goto(`${own}/looks/details`);
  check((await words(page)).includes("purpose=traffic"), "the reading before is not in the book");
});
