// Street lights: in every dress, and the evening's slider by keyboard.
import type { Page } from "playwright-core";
import { addressed, barriers, check, everyone, own, same, shows, test, type Trial } from "./runner.ts";

async function looksRight(t: Trial, page: Page, width: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `lights-${width}-${colorScheme}`);
  }
}

test("street lights: through the night by keyboard", async (t) => {
  const page = await t.open(`${own}/services/power/lighting`);
  await shows(page, "#light-parts", "keeps P6, 2 lx");
  await looksRight(t, page, "1280");
  await page.getByLabel("Through the night").focus();
  await page.keyboard.press("Home");
  await shows(page, "#light-when", "12:00");
  await page.keyboard.press("End");
  await page.keyboard.press("PageDown");
  await shows(page, "#light-when", "schedule has it");
  for (let i = 0; i < 4; i++) await page.keyboard.press("PageDown");
  await shows(page, "#light-parts", "27–100 %");
  await addressed(page, /step=\d+$/);
});

test("street lights, 360 pixels, without scripts", async (t) => {
  const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
  await looksRight(t, await t.open(`${own}/services/power/lighting?step=42`, phone), "360");
  const page = await t.open(`${everyone}/services/power/lighting?step=42`, { ...phone, javaScriptEnabled: false });
  await shows(page, "main", "22:30, as the cabinets");
  await shows(page, "main", "27–100 %");
});
