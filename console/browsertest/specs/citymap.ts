// The map of the front page and the list beside it.
import type { Page } from "playwright-core";
import { check, everyone, own, shows, test, until } from "./runner.ts";

/** How many pixels of the map have a colour, counted in a screenshot. */
async function painted(page: Page, colour: [number, number, number]): Promise<number> {
  const png = (await page.locator(".map").screenshot()).toString("base64");
  return page.evaluate(
    async ([data, want]) => {
      const bytes = Uint8Array.from(atob(data as string), (c) => c.charCodeAt(0));
      const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
      const canvas = new OffscreenCanvas(image.width, image.height);
      const on = canvas.getContext("2d")!;
      on.drawImage(image, 0, 0);
      const p = on.getImageData(0, 0, image.width, image.height).data;
      let n = 0;
      for (let i = 0; i < p.length; i += 4) if ((want as number[]).every((v, k) => Math.abs(v - p[i + k]!) < 3)) n++;
      return n;
    },
    [png, colour],
  );
}

const water: [number, number, number] = [0xc9, 0xdb, 0xe8];
const building: [number, number, number] = [0xdc, 0xda, 0xd4];
const accent: [number, number, number] = [0x0a, 0x58, 0xa6];

test("the map draws the city and the live camera", async (t) => {
  const page = await t.open(`${own}/`, { colorScheme: "light" });
  await page.waitForSelector(".map[data-ready]", { state: "attached" });
  await until("buildings", async () => (await painted(page, building)) > 20_000);
  await until("water", async () => (await painted(page, water)) > 500);
  await until("the live camera", async () => (await painted(page, accent)) > 100);
  await shows(page, ".map-credit", "© OpenStreetMap contributors");
  check(t.requests.some((r) => r.includes("/map/buildings.")), "no layer was loaded");
}, "webgl");

test("map and list go together, by keyboard too", async (t) => {
  const page = await t.open(`${everyone}/`);
  await page.waitForSelector(".map[data-ready]", { state: "attached" });
  const street = page.getByRole("button", { name: "Mikonkatu", exact: true });
  await street.focus();
  await page.keyboard.press("Enter");
  await until("the address", async () => new URL(page.url()).searchParams.has("street"));
  await until("one chosen in the list", async () => (await page.locator("li.is-chosen").count()) === 1);
  await page.goto(`${everyone}/?camera=square`);
  await page.waitForSelector(".map-popup");
  await shows(page, ".map-popup", "Railway Square, north side");
  await t.shot(page, "map-chosen", false);
  await page.locator(".map-popup a").click();
  await page.waitForURL(/\/cameras\/square$/);
}, "webgl");

test("the map turns dark and light with the switch", async (t) => {
  const page = await t.open(`${everyone}/`, { colorScheme: "light" });
  await page.waitForSelector(".map[data-ready]", { state: "attached" });
  await until("light", async () => (await painted(page, building)) > 20_000);
  await page.getByRole("button", { name: "Dark" }).click();
  await until("dark", async () => (await painted(page, [0x2a, 0x2e, 0x32])) > 20_000);
}, "webgl");

test("without WebGL a still map stays", async (t) => {
  const page = await t.open(`${everyone}/check`, {}, /WebGL|webgl/);
  await page.addInitScript(() => {
    const get = HTMLCanvasElement.prototype.getContext;
    HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, kind: string, ...rest: unknown[]) {
      return kind.startsWith("webgl") ? null : (get as (...a: unknown[]) => unknown).call(this, kind, ...rest);
    } as typeof get;
  });
  await page.goto(`${everyone}/`);
  await page.waitForSelector(".map-popup");
  check(await page.locator(".ground img").first().isVisible(), "no still map");
  await shows(page, ".map-popup", "still one");
  const [drawn, filled] = await page.evaluate(() => {
    const points = document.querySelector<SVGSVGElement>(".ground-points")!;
    const box = points.getBoundingClientRect();
    const view = points.viewBox.baseVal;
    return [points.getScreenCTM()!.a, Math.max(box.width / view.width, box.height / view.height)] as const;
  });
  check(Math.abs(drawn - filled) < 0.01, `points are drawn at ${drawn} of their size, the map beneath at ${filled}`);
});
