// Parts marked data-refresh="SECONDS" are fetched again from the page's own address:
// the server stays the only one who writes words. Parts of one page are fetched
// together.

export const refreshed = "polity:refreshed";

export function keepFresh(): void {
  const parts = [...document.querySelectorAll<HTMLElement>("[data-refresh]")];
  const seconds = Math.min(...parts.map((p) => Number(p.dataset.refresh)));
  if (!parts.length || !Number.isFinite(seconds)) return;
  let running = false;
  setInterval(async () => {
    if (running || document.hidden) return;
    running = true;
    await fetchParts(parts.map((p) => p.id));
    running = false;
  }, seconds * 1000);
}

/** Replaces parts, by their ids, with the server's newest. False when it cannot be reached. */
export async function fetchParts(ids: string[], address = location.href): Promise<boolean> {
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ids) replace(id, page);
    return true;
  } catch {
    return false; // what is on the page stands; the next try may succeed
  }
}

function replace(id: string, page: Document): void {
  const now = document.getElementById(id);
  const next = page.getElementById(id);
  if (!now || !next || now.innerHTML === next.innerHTML) return;
  if (now.contains(document.activeElement) && document.activeElement !== now) return; // not under somebody's fingers
  const open = [...now.querySelectorAll("details")].map((d) => d.open);
  now.replaceChildren(...next.childNodes);
  now.querySelectorAll("details").forEach((d, i) => (d.open = open[i] ?? d.open));
  now.dispatchEvent(new CustomEvent(refreshed, { bubbles: true }));
}
