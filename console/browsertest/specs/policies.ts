// Who may do what, and changes of policies, in every dress.
import type { Page } from "playwright-core";
import { barriers, check, everyone, own, same, test, type Trial } from "./runner.ts";

const pages: { name: string; at: string; says: string }[] = [
  { name: "access", at: `${everyone}/access`, says: "This city has added 1 policy of its own." },
  { name: "access-changes", at: `${own}/access/changes`, says: "agreed to proposal 2; it is in effect" },
  { name: "access-proposal", at: `${own}/access/proposals/4`, says: "Traffic operator, look at live scenes (elsewhere): was no, becomes for a purpose." },
  { name: "access-propose", at: `${own}/access/propose?file=hospital.cedar`, says: "Nothing takes effect until another person agrees." },
  { name: "access-explain", at: `${own}/access/explain?action=look-live&camera=square`, says: "Everything that is not public is for people who are signed in" },
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
  test(`policies, ${name}, light and dark`, async (t) => {
    await looksRight(t, await t.open(at), name, says, "1280");
  });
  test(`policies, ${name}, 360 pixels`, async (t) => {
    await looksRight(t, await t.open(at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true }), name, says, "360");
  });
  test(`policies, ${name}, without scripts`, async (t) => {
    check((await words(await t.open(at, { javaScriptEnabled: false }))).includes(says), `the page does not say “${says}”`);
  });
}

test("policies, from the footer to a policy's text by keyboard", async (t) => {
  const page = await t.open(`${everyone}/check`);
  await page.locator("footer a", { hasText: "Who may do what" }).focus();
  await page.keyboard.press("Enter");
  await page.waitForURL("**/access");
  const rule = page.locator("details", { hasText: "Nobody grants or takes anything" });
  await rule.locator("summary").focus();
  await page.keyboard.press("Enter");
  await rule.locator("pre").waitFor(); // its text
});
