// Messages of the pages, from the same file that the server uses.
import english from "../texts/en.json";

export type Key = keyof typeof english;
type Values = Record<string, string | number>;

const language = document.documentElement.lang || "en";
const plurals = new Intl.PluralRules(language);
const numbers = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });

/** The message with its values filled in; n chooses the plural form. */
export function say(key: Key, values: Values = {}): string {
  const message: string | Record<string, string> = english[key];
  let text: string;
  if (typeof message === "string") {
    text = message;
  } else {
    const form = typeof values.n === "number" ? plurals.select(values.n) : "other";
    text = message[form] ?? message.other ?? "";
  }
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });
}

/** Whether there is such a message, for keys that are put together. */
export function known(key: string): key is Key {
  return key in english;
}

export function number(value: number): string {
  return numbers.format(value);
}

/** Hours and minutes in a time zone; at is ms since 1970. */
export function hour(at: number, zone: string): string {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(at);
}

/** The list "a, b, c" as the language writes lists without a last word. */
export function list(parts: string[]): string {
  return parts.join(", ");
}
