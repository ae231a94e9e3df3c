// The traffic service's page, in every dress.
import type { Page } from "playwright-core";
import { barriers, check, everyone, own, same, shows, test, type Trial } from "./runner.ts";

async function looksRight(t: Trial, page: Page, width: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `traffic-${width}-${colorScheme}`);
  }
}

test("traffic: junctions, a diagram, and what is saved", async (t) => {
  await looksRight(t, await t.open(`${own}/services/traffic`), "1280");
  const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
  const page = await t.open(`${everyone}/services/traffic`, { ...phone, javaScriptEnabled: false });
  await shows(page, "main", "No detector can be believed: the junction runs its own plan.");
  await shows(page, "main", "-52 %");
  check(!/staying is best/.test((await page.textContent("main")) ?? ""), "everyone sees each second's reason");
  await looksRight(t, await t.open(`${own}/services/traffic`, phone), "360");
});
