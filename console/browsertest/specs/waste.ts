// The planner's page: a stop dragged to another tour has a price before it is moved.
import { barriers, check, focused, own, same, shows, test, until, type Trial } from "./runner.ts";
import type { Page } from "playwright-core";

const plan = `${own}/services/waste/plan`;

async function looksRight(t: Trial, page: Page, width: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    same((await barriers(page)).join("\n"), "", `axe, ${colorScheme}`);
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(over <= 0, `the page is ${over} pixels too wide`);
    await t.shot(page, `wasteplan-${width}-${colorScheme}`);
  }
}

test("waste: a stop is dragged to another tour, on the map and in the lists, and by keyboard", async (t) => {
  const page = await t.open(plan);
  const middle = async (selector: string): Promise<[number, number]> => {
    const box = (await page.locator(selector).first().boundingBox())!;
    return [box.x + box.width / 2, box.y + box.height / 2];
  };
  const drag = async (from: string, to: string): Promise<void> => {
    await page.locator(from).first().scrollIntoViewIfNeeded();
    await page.mouse.move(...(await middle(from)));
    await page.mouse.down();
    const [x, y] = await middle(from);
    await page.mouse.move(x + 9, y + 9);
    await page.mouse.move(...(await middle(to)), { steps: 3 });
    await page.mouse.up();
  };
  await drag("circle[data-stop='c1']", "circle[data-stop='c6']");
  await shows(page, "#asked", "c1 from truck-1 to truck-2");
  await shows(page, "#asked", "+0.50 km");
  await focused(page, "#asked");
  await page.getByRole("link", { name: "Make the move" }).click();
  await shows(page, "#plan-now", "Moves so far");
  await drag(".waste-plan-tours tr[data-stop='c2'] th", ".drop-bar [data-truck='truck-2']");
  await shows(page, "#asked", "carries 60 kg more");
  same(await page.getByRole("link", { name: "Make the move" }).count(), 0, "what does not fit can be made");
  await page.goBack();
  await until("the page is as it was before", async () => (await page.locator("#asked").count()) === 0);
  await page.getByLabel("Container").selectOption("c7");
  await page.getByLabel("to", { exact: true }).selectOption("truck-1");
  await page.getByRole("button", { name: "Ask" }).press("Enter");
  await shows(page, "#asked", "c7, which waits, to truck-1");
  await looksRight(t, page, "1280");
  await page.getByRole("link", { name: "Undo all" }).press("Enter");
  await shows(page, "#plan-now", "6.0 km");
  same(await page.locator("text=Moves so far").count(), 0, "moves that were undone");
});

test("waste, 360 pixels: the planner's page, sheets and tables", async (t) => {
  const phone = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true };
  const page = await t.open(`${plan}?container=c1&truck=truck-2`, phone);
  await looksRight(t, page, "360");
  for (const part of ["sheets", "tables"]) {
    await page.goto(`${own}/services/waste/${part}`);
    await looksRight(t, page, `360-${part}`);
  }
});
