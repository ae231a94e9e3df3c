// The page of one camera.
import { charts } from "./chart.ts";
import { dataOf, make, one } from "./dom.ts";
import type { SceneData } from "./generated.ts";
import { fetchParts } from "./refresh.ts";
import { Scene } from "./scene.ts";
import { Slider } from "./slider.ts";
import { say } from "./texts.ts";

const data = dataOf<SceneData>(document.getElementById("scene-data"));
if (!data.width) awaitPlace();
const scene = new Scene(one("#scene"), data);
const state = one("#state");
scene.onDoubt = (doubt) => {
  if (doubt) state.replaceChildren(make("span", { class: "sign sign-attention" }, say("state.lostline")));
  else void fetchParts(["state"]);
};
new Slider(one("#slider"), scene, data);
charts();
tabs();

// What was counted since is fetched while the newest is shown.
const counted = ["counts", "events"];
setInterval(() => {
  const asked = new URLSearchParams(location.search);
  if (!document.hidden && !asked.has("at") && !asked.has("day")) void fetchParts(counted);
}, 30_000);

/** There is no picture yet: the page is loaded again as soon as there is one. */
function awaitPlace(): void {
  setInterval(async () => {
    if (document.hidden || !(await fetchParts(["scene"]))) return;
    if (document.querySelector(".scene-place")) location.reload();
  }, 5000);
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
