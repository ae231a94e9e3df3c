// What a telephone keeps for a crew: what they told of work orders, and the newest list.
import type { CrewData } from "./generated.ts";
import { Outbox, type Told as Kept } from "./outbox.ts";

export interface Waiting extends Kept {
  order: string;
  number: number;
  what: Told;
}

export type Told =
  | { kind: "step"; to: string; reason: string; note: string }
  | { kind: "note"; text: string }
  | { kind: "photo"; stage: string; x: number; y: number; w: number; h: number; jpeg: Blob };

export const crewBox = new Outbox<Waiting, CrewData>("polity-crew", "orders");
