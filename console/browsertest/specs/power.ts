// The power desk: the network in every dress, and switching tried by keyboard.
import type { Page } from "playwright-core";
import { barriers, check, everyone, own, same, shows, test, type Trial } from "./runner.ts";

async function looksRight(t: Trial, page: Page, name: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `power-${name}-${colorScheme}`);
  }
}

test("power: switching is tried and undone by keyboard", async (t) => {
  const page = await t.open(`${own}/services/power/try?view=map`);
  await page.getByLabel("Next switch").focus();
  await page.getByLabel("Next switch").selectOption("open branch.7");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await shows(page, "main", "Open branch.7");
  await shows(page, "main", "lose power");
  await looksRight(t, page, "try-1280");
  await page.getByRole("link", { name: "Undo" }).press("Enter");
  await shows(page, "main", "have power, as now");
  await page.getByRole("link", { name: "Open branch.8" }).first().press("Enter"); // of the map
  await shows(page, "#try-steps ~ ol", "Open branch.8");
  await shows(page, "main", "Undo");
  const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
  await looksRight(t, await t.open(`${own}/services/power?view=map`, phone), "360");
  const still = await t.open(`${everyone}/services/power`, { ...phone, javaScriptEnabled: false });
  await shows(still, "main", "80 of 320 customers are without power");
  check(!/branch/.test((await still.textContent("main")) ?? ""), "everyone sees the line");
});
