// The page of one camera.
import { charts } from "./chart.ts";
import { dataOf, make, one } from "./dom.ts";
import type { SceneData } from "./generated.ts";
import { fetchPage, fetchParts, replace } from "./refresh.ts";
import { Scene } from "./scene.ts";
import { momentShown, Slider } from "./slider.ts";
import { say } from "./texts.ts";

const data = dataOf<SceneData>(document.getElementById("scene-data"));
if (!data.width) awaitPlace();
const scene = new Scene(one("#scene"), data);
const state = one<HTMLElement>("#state");
scene.onDoubt = (doubt) => {
  if (doubt) state.replaceChildren(make("span", { class: "sign sign-attention" }, say("state.lostline")));
  else void fetchParts(["state"], state.dataset.from);
};
const slider = new Slider(one("#slider"), scene, data);
charts();
tabs();
document.addEventListener(momentShown, (e) => mark((e as CustomEvent<number>).detail));
if (data.at >= 0) document.dispatchEvent(new CustomEvent(momentShown, { detail: data.day + data.at * 60_000 }));

// What was counted since is fetched while the newest is shown; everyone else's newest
// changes by quarters of an hour.
setInterval(
  async () => {
    const asked = new URLSearchParams(location.search);
    if (document.hidden || asked.has("at") || asked.has("day")) return;
    const page = await fetchPage();
    if (!page) return;
    for (const id of ["counts", "events"]) replace(id, page);
    slider.renew(page);
    const place = page.querySelector(".scene-place")?.getAttribute("src");
    if (data.public && place) scene.show(place, page.querySelector(".scene-caption")?.textContent ?? "");
  },
  data.public ? 120_000 : 30_000,
);

/** There is no picture yet: the page is loaded again as soon as there is one. */
function awaitPlace(): void {
  setInterval(async () => {
    if (document.hidden || !(await fetchParts(["scene"]))) return;
    if (document.querySelector(".scene-place")) location.reload();
  }, 5000);
}

/** Events that went on at a moment stand out. */
function mark(moment: number): void {
  for (const item of document.querySelectorAll<HTMLElement>(".event")) {
    const end = Number(item.dataset.end) || Infinity;
    item.classList.toggle("is-now", Number(item.dataset.start) <= moment + 59_999 && moment <= end);
  }
}

/** Another thing to count is fetched without disturbing the scene. */
function tabs(): void {
  document.addEventListener("click", async (e) => {
    const link = (e.target as Element).closest<HTMLAnchorElement>(".tabs a");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    const address = new URL(link.href);
    const here = new URL(location.href);
    const show = address.searchParams.get("show");
    if (show) here.searchParams.set("show", show);
    else here.searchParams.delete("show");
    link.blur();
    if (!(await fetchParts(["counts"], here.href))) {
      location.assign(link.href);
      return;
    }
    history.replaceState(null, "", here);
    document.querySelector<HTMLElement>(".tabs a[aria-current]")?.focus();
  });
}
