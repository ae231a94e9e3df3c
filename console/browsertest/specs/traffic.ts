// The traffic service's page, in every dress.
import type { Page } from "playwright-core";
import { barriers, check, everyone, own, same, shows, test, type Trial } from "./runner.ts";

async function looksRight(t: Trial, page: Page, width: string, name = "traffic"): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `${name}-${width}-${colorScheme}`);
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

test("traffic: a plan is changed, checked, and compared", async (t) => {
  const page = await t.open(`${own}/services/traffic/plans/j1`, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
  const phase = page.getByLabel("Seconds proposed for phase 5");
  await phase.fill("3");
  await page.getByRole("button", { name: "Check and compare" }).click();
  await shows(page, "main", "its minimum is 5 s");
  await page.getByLabel("Seconds proposed for phase 5").fill("26");
  await page.getByRole("button", { name: "Check and compare" }).click();
  await shows(page, "main", "Nothing stands against it");
  await looksRight(t, page, "360", "traffic-plan");
});
