// What a telephone keeps for who drives a refuse truck: what they told of the tour, and the
// newest picture of it.
import type { DriverData } from "./generated.ts";
import { Outbox, type Told } from "./outbox.ts";

export interface DriveReport {
  kind: "report";
  what: string; // as the hub's list has it
  container: string;
  site: string;
  reason: string;
  kilograms: number;
}

export interface DrivePhoto {
  kind: "photo";
  container: string;
  x: number;
  y: number;
  w: number;
  h: number;
  jpeg: Blob;
}

export interface DriveWaiting extends Told {
  truck: string;
  day: string;
  what: DriveReport | DrivePhoto;
}

export const driveBox = new Outbox<DriveWaiting, DriverData>("polity-drive", "tour");
