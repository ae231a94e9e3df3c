// Drawing zones, lines and ground by mouse, finger and keyboard, and saving them.
import type { Page } from "playwright-core";
import { barriers, becomes, check, focused, own, same, shows, tell, test, until } from "./runner.ts";

const at = `${own}/cameras/square/edit`;

async function spot(page: Page, name: string): Promise<{ x: number; y: number }> {
  const box = (await page.locator(`[data-spot="${name}"]`).boundingBox())!;
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Where a point is once nothing moves it any more. */
async function still(page: Page, name: string): Promise<{ x: number; y: number }> {
  let [before, now] = [await spot(page, name), await spot(page, name)];
  await until(`${name} stands still`, async () => {
    await new Promise((r) => setTimeout(r, 100));
    [before, now] = [now, await spot(page, name)];
    return before.x === now.x && before.y === now.y;
  });
  return now;
}

async function saved(page: Page): Promise<{ revision: number; zones: { name: string; corners: { x: number; y: number }[]; crowd?: number }[]; lines: { name: string; one_way?: string }[]; ground?: object }> {
  const answer = await page.request.get(`${own}/cameras/square/layout`);
  return answer.json();
}

test("the editor by keyboard alone", async (t) => {
  const page = await t.open(at);
  await page.locator('[data-spot="zone-0-0"]').focus();
  const before = (await saved(page)).zones[0]!.corners;
  await focused(page, '[data-spot="zone-0-0"]');
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  check((await page.getAttribute('[data-spot="zone-0-0"]', "aria-label"))?.includes("Point 1 of lawn"), "the point has no name");
  await page.keyboard.press("i");
  await focused(page, '[data-spot="zone-0-1"]'); // the new point
  await page.getByRole("button", { name: "Save to the edge" }).focus();
  await page.keyboard.press("Enter");
  await until("saved", async () => (await page.textContent(".editor-status"))?.includes("Saved. The camera uses it from now on, as revision 4."));
  const after = (await saved(page)).zones[0]!.corners;
  same(after.length, before.length + 1, "corners");
  check(Math.abs(after[0]!.x - before[0]!.x - 0.01) < 1e-9 && Math.abs(after[0]!.y - before[0]!.y - 0.002) < 1e-9, `moved to ${JSON.stringify(after[0])}`);
  await page.locator('[data-spot="zone-0-1"]').focus();
  await page.keyboard.press("Delete");
  await page.keyboard.press("Control+z");
  await becomes(() => page.locator('[data-spot="zone-0-4"]').count(), 1, "taken back");
});

test("the editor by mouse", async (t) => {
  const page = await t.open(at);
  await page.getByRole("button", { name: "Add a zone" }).click();
  await still(page, "zone-2-0");
  const from = await spot(page, "zone-2-0");
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x - 60, from.y - 30, { steps: 4 });
  await page.mouse.up();
  const to = await still(page, "zone-2-0");
  check(Math.abs(to.x - from.x + 60) < 2 && Math.abs(to.y - from.y + 30) < 2, `dragged to ${JSON.stringify(to)} from ${JSON.stringify(from)}`);
  const between = page.getByRole("button", { name: "Add a point between 1 and 2 of zone-1" });
  const b = (await between.boundingBox())!;
  await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2);
  await page.mouse.down();
  await page.mouse.move(b.x, b.y - 40, { steps: 3 });
  await page.mouse.up();
  await becomes(() => page.locator('[data-spot="zone-2-4"]').count(), 1, "a fifth corner");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "editor-drawing", false);
});

test("the editor by finger at 360 pixels", async (t) => {
  const page = await t.open(at, { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true });
  const tools = await page.context().newCDPSession(page);
  const from = await still(page, "line-0-1");
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", x: number, y: number) =>
    tools.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x, y }] });
  await touch("touchStart", from.x, from.y);
  for (let i = 1; i <= 5; i++) await touch("touchMove", from.x + 8 * i, from.y + 4 * i);
  await touch("touchEnd", 0, 0);
  const to = await still(page, "line-0-1");
  check(Math.abs(to.x - from.x - 40) < 3 && Math.abs(to.y - from.y - 20) < 3, `dragged to ${JSON.stringify(to)} from ${JSON.stringify(from)}`);
  await t.shot(page, "editor-finger");
});

test("what is wrong is said where it is", async (t) => {
  const page = await t.open(at, {}, /status of 422/);
  await page.fill("#zone-1-name", "Bus Lane");
  await page.getByRole("button", { name: "Save to the edge" }).click();
  await until("the problem", async () => page.locator("#problem-zone-1").isVisible());
  await shows(page, "#problem-zone-1", "must begin with a letter a-z");
  await focused(page, "#zone-1-name[aria-invalid=true]");
  same((await saved(page)).revision, 3, "revision");
  same((await barriers(page)).join("\n"), "", "axe");
  await t.shot(page, "editor-wrong");
  await page.fill("#zone-1-name", "bus-stop");
  await page.fill("#zone-0-crowd", "9");
  await page.selectOption("#line-0-way", "left");
  await page.getByRole("button", { name: "Save to the edge" }).click();
  await until("saved", async () => (await page.textContent(".editor-status"))?.includes("revision 4"));
  const l = await saved(page);
  same(`${l.zones[1]?.name} ${l.zones[0]?.crowd} ${l.lines[0]?.one_way}`, "bus-stop 9 left", "what was saved");
});

test("ground, conflict and an edge that is away", async (t) => {
  const page = await t.open(at, {}, /status of (409|503)/);
  await page.getByRole("button", { name: "Give the ground" }).click();
  await page.fill("#ground-0-x", "-3.5");
  await t.shot(page, "editor-ground", false);
  await tell("refuse", { why: "the edge kiosk cannot be reached; nothing was changed" });
  await page.getByRole("button", { name: "Save to the edge" }).click();
  await until("the reason", async () => (await page.textContent(".editor-status"))?.includes("Not saved: the edge kiosk cannot be reached"));
  await tell("refuse", { why: "" });
  await tell("ground"); // somebody else saves meanwhile
  await page.getByRole("button", { name: "Save to the edge" }).click();
  await until("the conflict", async () => (await page.textContent(".editor-status"))?.includes("Somebody else changed the drawing"));
  await page.getByRole("button", { name: "Load theirs" }).click();
  await until("theirs", async () => (await page.inputValue("#ground-0-x")) === "0");
});
