// The wall: many scenes at once over one feed, by keyboard, in every width.
import type { Page } from "playwright-core";
import { addressed, barriers, becomes, check, own, same, shows, tell, test, until } from "./runner.ts";

const wall = (q = "") => `${own}/room/wall${q}`;
const tiles = (page: Page) => page.locator(".wall.is-live > li:not([hidden])");
const liveTiles = (page: Page) => page.locator(".wall.is-live > li:not([hidden]) .sign-live").count();
const chosen = (page: Page) => page.evaluate(() => document.activeElement?.querySelector(".wall-name")?.textContent ?? "");

async function allLive(page: Page, n: number): Promise<void> {
  await until(`${n} live scenes`, async () => (await liveTiles(page)) === n);
}

for (const [name, viewport] of Object.entries({ "1280": { width: 1280, height: 800 }, "1920": { width: 1920, height: 1080 }, "4K": { width: 3840, height: 2160 } })) {
  test(`the wall holds 64 scenes at ${name}`, async (t) => {
    await tell("streets", { n: "70" });
    const page = await t.open(wall("?tiles=64"), { viewport });
    if (name === "4K") await until("64 scenes", async () => (await tiles(page).count()) === 64); // software draws 8 megapixels too slowly to wait for
    else await allLive(page, 64);
    same(t.requests.filter((r) => r.includes("/live?")).length, 1, "feeds");
    const out = await tiles(page).evaluateAll((all) => all.filter((li) => {
      const b = li.getBoundingClientRect();
      return b.left < 0 || b.right > innerWidth || b.bottom > innerHeight || b.width < 72;
    }).length);
    same(out, 0, "scenes out of sight or too small");
    if (name !== "4K") await until("that the line says how many are live", async () => /64 of 64 scenes are live/.test((await page.textContent(".wall-line")) ?? ""));
    await t.shot(page, `wall-64-${name}`, false);
  });
}

test("the wall, light and dark, keeps nobody out", async (t) => {
  await tell("streets", { n: "8" });
  const page = await t.open(wall("?tiles=9"));
  await allLive(page, 9);
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    await t.shot(page, `wall-9-${colorScheme}`);
  }
  await until("that a tile counts in words", async () => /\d+ (person|people)/.test((await page.textContent(".wall-said")) ?? ""));
});

test("the wall on a telephone: what is out of sight is not looked at", async (t) => {
  await tell("streets", { n: "30" });
  const page = await t.open(wall("?tiles=30"), { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
  await until("some live scenes", async () => (await liveTiles(page)) >= 6);
  const feed = t.requests.findLast((r) => r.includes("/live?"))!;
  const asked = new URL(feed).searchParams.get("cameras")!.split(",").length;
  check(asked < 20, `${asked} of 30 cameras are looked at, though few are in sight`);
  same(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), 0, "pixels too wide");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "wall-360", false);
  await tiles(page).last().scrollIntoViewIfNeeded();
  await until("the last scene, live", async () => tiles(page).last().locator(".sign-live").count());
});

test("the wall by keyboard alone", async (t) => {
  await tell("streets", { n: "12" });
  const page = await t.open(wall("?cameras=street-01,street-02,street-03,street-04,street-05,street-06&tiles=4"), { viewport: { width: 1280, height: 900 } });
  await allLive(page, 4);
  await becomes(() => chosen(page), "Street 1, at the corner", "the first scene has the focus");
  await page.keyboard.press("ArrowRight");
  await becomes(() => chosen(page), "Street 2, at the corner", "after the right arrow");
  await page.keyboard.press("+");
  await until("six scenes", async () => (await tiles(page).count()) === 6);
  await addressed(page, /tiles=6/);
  await becomes(() => chosen(page), "Street 2, at the corner", "the scene keeps the focus");
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  await until("two scenes", async () => (await tiles(page).count()) === 2);
  await page.keyboard.press("PageDown");
  await until("the next screen", async () => (await chosen(page)) === "Street 3, at the corner");
  await allLive(page, 2);
  await addressed(page, /screen=2/);
  await page.reload();
  await until("the same screen after loading again", async () => (await chosen(page)) === "Street 3, at the corner");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/cameras\/street-03$/);
  await page.goBack();
  await until("back on the wall", async () => (await tiles(page).count()) === 2);
  await page.keyboard.press("Escape");
  await page.waitForURL(/\/room$/);
});

test("a camera whose line is lost says so on the wall, and comes back", async (t) => {
  await tell("streets", { n: "3" });
  const page = await t.open(wall("?tiles=4"));
  await allLive(page, 4);
  await tell("cutone", { camera: "street-02", cut: "1" });
  const tile = tiles(page).filter({ hasText: "Street 2," });
  await until("the lost line", async () => /Lost\. From \d\d:\d\d/.test((await tile.textContent()) ?? ""));
  await shows(page, ".wall-line", "3 of 4 scenes are live");
  const ink = await tile.locator("canvas.scene-marks").evaluate((c: HTMLCanvasElement) => c.getContext("2d")!.getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 0));
  same(ink, false, "marks of people after the line was lost");
  await t.shot(page, "wall-lost");
  await tell("cutone", { camera: "street-02", cut: "" });
  await allLive(page, 4);
});

test("the wall says that the server is lost, and goes on when it is back", async (t) => {
  await tell("streets", { n: "3" });
  const page = await t.open(wall("?tiles=4"), {}, /ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)|Failed to load resource|503/);
  await allLive(page, 4);
  await tell("deaf", { deaf: "1" });
  await until("the words", async () => /line to the city's server was lost/.test((await page.textContent(".wall-line")) ?? ""));
  await becomes(() => liveTiles(page), 0, "scenes that say that they are live");
  await t.shot(page, "wall-lost-server");
  await tell("deaf", { deaf: "" });
  await allLive(page, 4);
});

test("cameras that nobody knows are named, and the rest hangs", async (t) => {
  const page = await t.open(wall("?cameras=square,nowhere,%3Cscript%3E"));
  await allLive(page, 1);
  await shows(page, ".notice", "There are no cameras nowhere, <script>");
});

test("cameras are chosen by a form, and the address says which", async (t) => {
  await tell("streets", { n: "4" });
  const page = await t.open(wall());
  await page.getByText("Choose cameras").click();
  for (const box of await page.locator(".wall-choice input[type=checkbox]").all()) await box.uncheck();
  await page.getByLabel("Street 3, at the corner").check();
  await page.getByLabel("Street 1, at the corner").check();
  await page.getByRole("button", { name: "Show" }).click();
  await allLive(page, 2);
  await addressed(page, /cameras=street-01,street-03/);
});

test("the wall without scripts is a list of its cameras", async (t) => {
  await tell("streets", { n: "2" });
  const page = await t.open(wall("?cameras=street-01,street-02"), { javaScriptEnabled: false });
  same(await page.locator(".wall a").count(), 2, "cameras");
  check(!t.requests.some((r) => r.includes("/live")), "a page without scripts asked for a live feed");
});

test("scenes on the wall are the same after tiles were used for other cameras", async (t) => {
  await tell("streets", { n: "4" });
  await tell("marks", { marks: "" });
  const page = await t.open(wall("?cameras=street-01,square&tiles=1"));
  await allLive(page, 1);
  await page.keyboard.press("PageDown");
  await until("the square, with nobody", async () => /Railway Square/.test((await page.textContent(".wall-more")) ?? "") && /Nobody in view/.test((await page.textContent(".wall-said")) ?? ""));
  const ink = await page.locator("canvas.scene-marks").evaluate((c: HTMLCanvasElement) => c.getContext("2d")!.getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 3 && v > 0));
  same(ink, false, "marks of the camera before");
});
