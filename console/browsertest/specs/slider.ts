// The day's slider, the counts and their table.
import { addressed, becomes, check, everyone, own, same, shows, tell, test, until } from "./runner.ts";

test("the slider moves place and counts by keyboard, and leads back to now", async (t) => {
  const page = await t.open(`${own}/cameras/square`);
  await until("live", async () => /\d+ people/.test((await page.textContent(".scene-caption")) ?? ""));
  // Tiles that are decoded late, on a slow machine, must not come over the past.
  const decoding = (how: string) => until(`tiles ${how}`, () => page.evaluate((h) => document.documentElement.dataset.decoding === h, how));
  await page.evaluate(() => {
    const decode = window.createImageBitmap as (...from: unknown[]) => Promise<ImageBitmap>;
    window.createImageBitmap = (async (...from: unknown[]) => {
      const picture = await decode(...from);
      document.documentElement.dataset.decoding = "begun";
      while (!location.search.includes("at=")) await new Promise((done) => setTimeout(done, 50));
      setTimeout(() => (document.documentElement.dataset.decoding = "done"), 50);
      return picture;
    }) as typeof window.createImageBitmap;
  });
  await tell("tile", { tile: "5" });
  await decoding("begun");
  const range = page.locator("input[type=range]");
  await range.focus();
  const at = () => /T(\d\d:\d\d)$/.exec(new URL(page.url()).searchParams.get("at") ?? "")?.[1] ?? "";
  await page.keyboard.press("PageDown");
  await addressed(page, /at=2026-11-24T13(:|%3A)3[2-9]$/); // an hour before now, which goes on
  const hour = at();
  await shows(page, ".scene-caption", "on average from 13:30 to 13:45");
  const moment = `at=${Date.parse(`2026-11-24T${hour}Z`) - 2 * 3_600_000}`;
  check((await page.getAttribute(".scene-place", "src"))?.includes(moment), `place: ${await page.getAttribute(".scene-place", "src")}`);
  await decoding("done");
  same(await page.locator(".scene-canvas").isVisible(), false, "the live place is still shown");
  await page.keyboard.press("ArrowLeft");
  await until("another address", () => at() !== hour);
  same(Number(at().slice(3)), Number(hour.slice(3)) - 1, "a minute before");
  check((await range.getAttribute("aria-valuetext"))?.startsWith(`${at()}.`), "the slider does not say its time");
  await t.shot(page, "slider-then");
  await page.keyboard.press("l");
  await page.waitForURL((u) => !u.searchParams.has("at"));
  await until("live again", async () => page.locator(".scene-canvas").isVisible());
});

test("what is shown stands in the address", async (t) => {
  const page = await t.open(`${own}/cameras/square?at=2026-11-24T08:20&show=zone:lawn`);
  await becomes(() => page.inputValue("input[type=range]"), String(8 * 60 + 20), "the slider");
  same((await page.textContent(".tabs [aria-current]"))?.trim(), "lawn", "the tab");
  await page.locator("input[type=range]").focus();
  await page.keyboard.press("[");
  await page.waitForURL(/day=2026-11-23/);
  await shows(page, ".slider-days h2", "Yesterday, Monday 23 November");
  await page.getByRole("link", { name: "Day after" }).click();
  await page.waitForURL(/day=2026-11-24/);
});

test("another thing to count is shown without leaving", async (t) => {
  const page = await t.open(`${own}/cameras/square`);
  await until("live", async () => /\d+ people/.test((await page.textContent(".scene-caption")) ?? ""));
  await page.evaluate(() => (document.documentElement.dataset.stayed = "yes"));
  await page.getByRole("link", { name: "north path" }).click();
  await until("the sentence", async () => (await page.textContent("#counts-summary"))?.includes("people went to the right"));
  await until("a chart of it", async () => (await page.textContent(".u-legend"))?.includes("people to the left"));
  await addressed(page, /show=line(:|%3A)north-path/);
  same(await page.evaluate(() => document.documentElement.dataset.stayed), "yes", "the page stays");
  await page.getByText("Show as a table").click();
  check((await page.locator("#counts-table tbody tr").count()) > 30, "the table is short");
});

test("numbers too small to publish are shown as such", async (t) => {
  const page = await t.open(`${everyone}/cameras/square?show=line:north-path`);
  await shows(page, ".chart-key", "fewer than 5");
  await page.getByText("Show as a table").click();
  check((await page.locator("td", { hasText: "fewer than 5" }).count()) > 3, "the table does not say so");
  await t.shot(page, "public-table");
});

test("the table is a file too", async (t) => {
  const page = await t.open(`${everyone}/cameras/square`);
  await page.getByText("Show as a table").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "This day as CSV" }).click()]);
  same(download.suggestedFilename(), "square-2026-11-24.csv", "its name");
});
