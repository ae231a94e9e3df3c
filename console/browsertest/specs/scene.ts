// The scene draws what the messages say, and nothing when none come.
import type { Page } from "playwright-core";
import { check, everyone, own, same, shows, tell, test, until } from "./runner.ts";

type Rgba = [number, number, number, number];

/** A pixel of one of the scene's canvases, at a share of its width and height. */
async function pixel(page: Page, canvas: string, x: number, y: number): Promise<Rgba> {
  return page.evaluate(
    ([selector, u, v]) => {
      const c = document.querySelector<HTMLCanvasElement>(selector as string)!;
      const p = c.getContext("2d")!.getImageData(Math.floor((u as number) * c.width), Math.floor((v as number) * c.height), 1, 1).data;
      return [...p] as Rgba;
    },
    [canvas, x, y],
  );
}

async function inked(page: Page): Promise<number> {
  return page.evaluate(() => {
    const c = document.querySelector<HTMLCanvasElement>(".scene-marks")!;
    const data = c.getContext("2d")!.getImageData(0, 0, c.width, c.height).data;
    let n = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i]! > 0) n++;
    return n / (c.width * c.height);
  });
}

const near = (a: Rgba, b: number[], by: number) => b.every((v, i) => Math.abs(v - a[i]!) <= by);
const figureInk = [10, 88, 166];

// A person in column 10, row 20 of a picture of 768 x 576: its foot is at 168, 336.
const body = { x: 168 / 768, y: (336 - 30) / 576 };

test("marks stand where the messages say, and only there", async (t) => {
  await tell("marks", { marks: "1,10,20,3,30,30" });
  const page = await t.open(`${own}/cameras/square`);
  await until("a figure", async () => near(await pixel(page, ".scene-marks", body.x, body.y), figureInk, 8));
  same((await pixel(page, ".scene-marks", 0.5, 0.1))[3], 0, "ink where nobody is");
  const share = await inked(page);
  check(share > 0.001 && share < 0.02, `two marks cover ${share} of the picture`);
  await until("words", async () => (await page.textContent(".scene-caption"))?.startsWith("1 person, 1 vehicle."));
  await tell("marks", { marks: "" });
  await until("nobody", async () => (await inked(page)) === 0);
  await until("words", async () => (await page.textContent(".scene-caption"))?.startsWith("Nobody in view."));
  await t.shot(page, "scene-nobody");
});

test("with motion, figures fade and then stand still", async (t) => {
  await tell("marks", { marks: "1,10,20" });
  const page = await t.open(`${own}/cameras/square`, { reducedMotion: "no-preference" });
  await until("a figure at full strength", async () => (await pixel(page, ".scene-marks", body.x, body.y))[3] === 255);
  await tell("marks", { marks: "" });
  await until("nobody", async () => (await inked(page)) === 0);
});

test("half metres are placed by the ground", async (t) => {
  await tell("ground");
  await tell("metres", { x: "10", y: "10" });
  const page = await t.open(`${own}/cameras/square`);
  // The ground is 20 m square, seen as a rectangle from 0.25 to 0.75: 10 m east and north is its middle.
  await until("a figure in the middle", async () => near(await pixel(page, ".scene-marks", 0.5, 0.5 - 0.03), figureInk, 8));
});

test("tiles of the place are drawn where they belong, and what is not shown is said", async (t) => {
  const page = await t.open(`${own}/cameras/square`);
  await page.waitForSelector(".scene-canvas:not([hidden])", { state: "attached" });
  const tile = 10 * 48 + 5; // column 5, row 10
  const middle = { x: (5 * 16 + 8) / 768, y: (10 * 16 + 8) / 576 };
  const beside = { x: (7 * 16 + 8) / 768, y: middle.y };
  const before = await pixel(page, ".scene-canvas", beside.x, beside.y);
  await tell("tile", { tile: String(tile) });
  await until("a red tile", async () => near(await pixel(page, ".scene-canvas", middle.x, middle.y), [200, 30, 30], 24));
  check(near(await pixel(page, ".scene-canvas", beside.x, beside.y), before, 2), "a tile beside it changed");
  check(((await page.getAttribute(".unshown", "d")) ?? "").startsWith("M"), "nothing is hatched");
  await shows(page, ".scene-caption", "2% is not shown");
  const hatched = await page.evaluate(() => {
    const box = document.querySelector<SVGPathElement>(".unshown")!.getBBox();
    return [box.x, box.y, box.width, box.height].map(Math.round).join(" ");
  });
  same(hatched, "96 176 496 328", "what is hatched reaches over");
});

test("a lost line is said, shows nobody, and comes back", async (t) => {
  await tell("marks", { marks: "1,10,20" });
  const page = await t.open(`${own}/cameras/square`);
  await until("a figure", async () => (await inked(page)) > 0);
  await tell("cut", { cut: "1" });
  await until("the words", async () => (await page.textContent(".scene-status"))?.includes("The line to this camera was lost"));
  await page.locator(".scene-status").waitFor(); // not hidden
  await until("nobody", async () => (await inked(page)) === 0);
  await until("a caption that counts nobody", async () => !(await page.textContent(".scene-caption"))?.includes("person"));
  await t.shot(page, "scene-lost-line");
  await tell("cut", { cut: "" });
  await until("a figure again", async () => (await inked(page)) > 0);
  await page.locator(".scene-status").waitFor({ state: "hidden" });
});

test("a lost server is said, and comes back", async (t) => {
  await tell("marks", { marks: "1,10,20" });
  const page = await t.open(`${own}/cameras/square`, {}, /ERR_(CONNECTION|INCOMPLETE|EMPTY|NETWORK)|Failed to load resource|503/);
  await until("a figure", async () => (await inked(page)) > 0);
  await tell("deaf", { deaf: "1" });
  await until("the words", async () => (await page.textContent(".scene-status"))?.includes("The line to the city's server was lost"));
  await until("nobody", async () => (await inked(page)) === 0);
  await t.shot(page, "scene-lost-server");
  await tell("deaf", { deaf: "" });
  await until("a figure again", async () => (await inked(page)) > 0);
});

test("a stopped detector freezes the scene and says so", async (t) => {
  await tell("marks", { marks: "1,10,20" });
  await tell("state", { condition: "6" });
  const page = await t.open(`${own}/cameras/square`);
  await until("the words", async () => (await page.textContent(".scene-status"))?.includes("Scene frozen"));
  await until("no ink while nothing is known", async () => (await inked(page)) === 0);
});

test("everyone sees the place, and no feed", async (t) => {
  const page = await t.open(`${everyone}/cameras/square`);
  await page.waitForLoadState("networkidle");
  check(!t.requests.some((r) => r.includes("/live")), "the public page asked for a live feed");
  same(await inked(page), 0, "marks on the public page");
  const answer = await page.request.get(`${everyone}/live?cameras=square`);
  same(answer.status(), 403, "the live feed for everyone");
});

test("one live view costs less than 3 KB a second", async (t) => {
  const page = await t.open(`${own}/cameras/square`);
  const tools = await page.context().newCDPSession(page);
  await tools.send("Network.enable");
  await page.reload();
  await until("marks", async () => /people/.test((await page.textContent(".scene-caption")) ?? ""));
  same(t.requests.filter((r) => r.includes("/live")).length, 2, "feeds opened, one per load");
  // Over five seconds of the city's time, which the messages tell: how soon they get here is the machine's.
  let [bytes, first, last] = [0, 0, 0];
  tools.on("Network.eventSourceMessageReceived", (e) => {
    if (first && last - first < 5000) bytes += e.eventName.length + e.data.length + "event: \ndata: \n\n".length;
    last = (JSON.parse(e.data) as { at?: number }).at ?? last;
    first ||= last;
  });
  await until("five seconds", () => last - first >= 5000);
  const rate = (bytes * 1000) / (last - first);
  check(rate > 200, `only ${rate} bytes a second: nothing was measured`);
  check(rate < 3000, `${Math.round(rate)} bytes a second`);
});
