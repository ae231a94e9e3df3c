// The evening's slider: what the schedule has at a time, without loading the page anew. The
// server writes every word; the address keeps the time.
import { one } from "./dom.ts";
import { fetchParts } from "./refresh.ts";

const form = document.querySelector<HTMLFormElement>("[data-island='powerlight']");
if (form) {
  const range = one<HTMLInputElement>("input[type=range]", form);
  let wanted = "";
  let running = false;
  const show = async (): Promise<void> => {
    if (running) return;
    running = true;
    for (let shown = ""; shown !== wanted; ) {
      shown = wanted; // where the slider stands when the last answer came
      const address = new URL(location.href);
      address.search = new URLSearchParams({ step: shown }).toString();
      history.replaceState(null, "", address);
      await fetchParts(["light-when", "light-parts"]);
    }
    running = false;
  };
  range.addEventListener("input", () => {
    wanted = range.value;
    void show();
  });
}
