// The water service's page: in every dress, and the plan of valves for a pipe.
import type { Page } from "playwright-core";
import { barriers, check, everyone, own, same, shows, test, type Trial } from "./runner.ts";

async function looksRight(t: Trial, page: Page, width: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `water-${width}-${colorScheme}`);
  }
}

test("water: a plan for a pipe, by keyboard, and printed alone", async (t) => {
  const page = await t.open(`${own}/services/water`);
  await page.getByLabel("Pipe").focus();
  await page.getByLabel("Pipe").selectOption("P3");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shows(page, "#plan", "on P3, at J2");
  await looksRight(t, page, "1280");
  await page.emulateMedia({ media: "print" });
  same(await page.locator("#water-now").isVisible(), false, "more than the plan is printed");
  check(await page.locator("#plan table").isVisible(), "the plan is not printed");
});

test("water, 360 pixels", async (t) => {
  const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
  await looksRight(t, await t.open(`${own}/services/water`, phone), "360");
  const page = await t.open(`${everyone}/services/water`, { ...phone, javaScriptEnabled: false });
  await shows(page, "main", "About 320 homes have no water");
  check(!/P3/.test((await page.textContent("main")) ?? ""), "everyone sees the pipe");
  await page.getByRole("link", { name: "Report trouble with water" }).click();
  await page.getByLabel("Water in the street").focus();
  await page.keyboard.press("ArrowDown"); // on to the next kind: no water
  await page.keyboard.press("Tab");
  await page.keyboard.type("Mill");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shows(page, "main", "Thank you.");
  const form = await t.open(`${everyone}/services/water/report`, phone);
  await form.getByRole("button", { name: "Send" }).click(); // nothing is chosen
  check(!(await form.getByRole("status").isVisible()), "an empty form is sent");
  await looksRight(t, form, "report-360");
  await form.setViewportSize({ width: 1280, height: 800 });
  await looksRight(t, form, "report-1280");
});

test("water: pumps are tried by keyboard, and a source is searched", async (t) => {
  const page = await t.open(`${own}/services/water/operation`);
  await page.getByLabel("PU1 runs at hours").fill("2-4, 22");
  await page.keyboard.press("Enter");
  await shows(page, "#pumps", "What you try");
  await shows(page, "#pumps", "4.00");
  await looksRight(t, page, "operation-1280");
  await page.setViewportSize({ width: 360, height: 780 });
  await looksRight(t, page, "operation-360");
  await page.getByLabel("Samples").fill("node,hours,seen\nJ3,5,yes");
  await page.getByRole("button", { name: "Search" }).click();
  await shows(page, "#trace", "2 of 2 samples");
});
