// The page of a refuse truck's tour, on a telephone that loses its line.
import type { BrowserContextOptions, Page } from "playwright-core";
import { barriers, check, own, same, shows, tell, test, until } from "./runner.ts";

declare const Buffer: { from(bytes: number[]): unknown };

const phone: BrowserContextOptions = { viewport: { width: 360, height: 780 }, hasTouch: true, isMobile: true, colorScheme: "dark" };
const lineGone = /net::ERR_|Failed to fetch|status of 503/;
const said = async (page: Page) => (await page.textContent("#crew-line"))?.replace(/\s+/g, " ") ?? "";
const sent = (page: Page) => until("all is sent", async () => (await said(page)).includes("Everything is sent"));

test("drive: a tour is taken, driven without a line, and sent later", async (t) => {
  const page = await t.open(`${own}/services/waste/drive`, phone, lineGone);
  await page.waitForSelector(".crew[data-ready]");
  same((await barriers(page)).join("\n"), "", "axe, choosing");
  await page.getByRole("button", { name: "Drive truck-1" }).click();
  await shows(page, "main", "Stop 1: Mill Lane");
  await page.waitForSelector(".crew[data-ready]");
  await until("the worker serves the page", async () => {
    const kept = await page.evaluate(async () => navigator.serviceWorker.controller !== null && (await (await caches.open("polity-drive")).match("/services/waste/drive")) !== undefined);
    if (!kept) await page.reload();
    return kept;
  });
  await page.waitForSelector(".crew[data-ready]");
  await shows(page, ".crew-card", "At your own kerb");
  await tell("unplug", { cut: "1" });
  await page.context().setOffline(true);
  await page.getByRole("button", { name: "Emptied" }).first().click();
  await shows(page, "main", "Stop 2: Mill Lane");
  await page.getByRole("button", { name: "Could not be emptied" }).first().click();
  same((await barriers(page)).join("\n"), "", "axe, why");
  await page.getByLabel("A door or gate is locked").check();
  await page.getByRole("button", { name: "Report it with a photo" }).click();
  const picture = await page.evaluate(async () => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1000;
    canvas.getContext("2d")!.fillRect(200, 200, 300, 300);
    const blob = await new Promise<Blob>((done) => canvas.toBlob((b) => done(b!), "image/jpeg"));
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await page.locator("input[type=file]").setInputFiles({ name: "photo.jpg", mimeType: "image/jpeg", buffer: Buffer.from(picture) as never });
  await page.getByRole("button", { name: "Send the photo" }).click();
  await until("three things wait", async () => (await said(page)).includes("3 not sent yet"));
  await page.reload(); // the telephone was put away
  await page.waitForSelector(".crew[data-ready]");
  await shows(page, "main", "Stop 3: Mill Lane");
  check(await page.locator(".drive-map image").first().isVisible(), "the map is missing");
  same((await barriers(page)).join("\n"), "", "axe");
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(over <= 0, `the page is ${over} pixels too wide`);
  await t.shot(page, "drive-offline");
  await tell("unplug");
  await page.context().setOffline(false);
  await sent(page);
  same((await page.locator(".crew-refused").allTextContents()).join(), "", "refusals");
  await page.getByText("2 stops done").click();
  await shows(page, "main", "A door or gate is locked");
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  same((await barriers(page)).join("\n"), "", "axe, light");
  await t.shot(page, "drive-1280");
});
