// Times as fields have them, in the city's time zone, wherever the browser is.

const forms = new Map<string, Intl.DateTimeFormat>();

function form(zone: string): Intl.DateTimeFormat {
  let f = forms.get(zone);
  if (!f) {
    f = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
    forms.set(zone, f);
  }
  return f;
}

/** A moment, ms since 1970, as a datetime-local field has it: 2026-11-24T14:32. */
export function inZone(at: number, zone: string): string {
  const p = Object.fromEntries(form(zone).formatToParts(at).map((x) => [x.type, x.value]));
  return `${p.year}-${p.month}-${p.day}T${p.hour}:${p.minute}`;
}

/** The moment that a field names, the first where clocks are put back; null where there is
    none, since they are put forward then or the field is empty. */
export function fromZone(local: string, zone: string): number | null {
  const plain = Date.parse(`${local}:00Z`);
  if (Number.isNaN(plain)) return null;
  const offset = (at: number) => Date.parse(`${inZone(at, zone)}:00Z`) - at;
  const day = 86_400_000;
  const found = [offset(plain - day), offset(plain + day)].map((o) => plain - o).filter((at) => inZone(at, zone) === local);
  return found.length ? Math.min(...found) : null;
}

/** "Tue 24 Nov, 14:32" */
export function words(at: number, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** RFC 3339 in UTC, to the second. */
export function utc(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
