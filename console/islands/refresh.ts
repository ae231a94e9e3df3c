// Parts marked data-refresh="SECONDS" are fetched again, from the address data-from or
// the page's own: the server stays the only one who writes words. Parts from one
// address are fetched together.

export const refreshed = "polity:refreshed";

export function keepFresh(): void {
  const groups = new Map<string, HTMLElement[]>();
  for (const part of document.querySelectorAll<HTMLElement>("[data-refresh]")) {
    const from = part.dataset.from ?? "";
    groups.set(from, [...(groups.get(from) ?? []), part]);
  }
  for (const [from, parts] of groups) keepGroupFresh(from, parts);
}

function keepGroupFresh(from: string, parts: HTMLElement[]): void {
  let running = false;
  setInterval(
    async () => {
      if (running || document.hidden) return;
      running = true;
      await fetchParts(parts.map((p) => p.id), from || location.href);
      running = false;
    },
    Math.min(...parts.map((p) => Number(p.dataset.refresh))) * 1000,
  );
}

/** Replaces parts, by their ids, with the server's newest. False when it cannot be reached. */
export async function fetchParts(ids: string[], address = location.href): Promise<boolean> {
  const page = await fetchPage(address);
  if (page) for (const id of ids) replace(id, page);
  return page !== null;
}

/** The server's newest page, or null when it cannot be reached: what is shown then stands. */
export async function fetchPage(address = location.href): Promise<Document | null> {
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  } catch {
    return null;
  }
}

export function replace(id: string, page: Document): void {
  const now = document.getElementById(id);
  const next = page.getElementById(id);
  if (!now || !next || now.innerHTML === next.innerHTML) return;
  if (now.contains(document.activeElement) && document.activeElement !== now) return; // not under somebody's fingers
  if ([...now.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("input, textarea")].some((i) => i.value !== i.defaultValue)) return; // nor what was typed
  const open = [...now.querySelectorAll("details")].map((d) => d.open);
  now.replaceChildren(...next.childNodes);
  now.querySelectorAll("details").forEach((d, i) => (d.open = open[i] ?? d.open));
  now.dispatchEvent(new CustomEvent(refreshed, { bubbles: true }));
}
