// Code generated from Go by go generate ./console/...; DO NOT EDIT.

export interface Hello {
  cameras: string[];
  every: number;
}

export interface LineState {
  c: number;
  up: boolean;
}

export interface Place {
  c: number;
  at: number;
  w: number;
  h: number;
  whole: boolean;
  tiles?: number[];
  known: string;
  atlas: string;
}

export interface Marks {
  c: number;
  at: number;
  grid: number;
  marks: number[];
}

export interface State {
  c: number;
  at: number;
  condition: number;
  shields: number;
  decoded: number;
  analysed: number;
  detected: number;
  restarts: number;
  delay: number;
  per_second: number;
  wanted: number;
  unknown: number;
  clock_skew: number;
}

export interface LiveEvent {
  c: number;
  kind: number;
  class: number;
  where: number;
  layout: number;
  start: number;
  end: number;
  value: number;
}

export interface Layout {
  revision: number;
  zones: Zone[];
  lines: Line[];
  ground?: Ground | null;
}

export interface Zone {
  name: string;
  corners: Point[];
  crowd?: number;
  keep_empty?: boolean;
  no_stop?: boolean;
  no_objects?: boolean;
}

export interface Line {
  name: string;
  from: Point;
  to: Point;
  one_way?: string;
}

export interface Ground {
  picture: [Point, Point, Point, Point];
  metres: [Metres, Metres, Metres, Metres];
}

export interface Point {
  x: number;
  y: number;
}

export interface Metres {
  x: number;
  y: number;
}

export interface SceneData {
  camera: string;
  live: boolean;
  public: boolean;
  width: number;
  height: number;
  placeAt: number;
  ground: Ground | null;
  day: number;
  minutes: number;
  first: number;
  end: number;
  last: number;
  at: number;
  zone: string;
  counts: ChartData;
}

export interface ChartData {
  from: number;
  step: number;
  lines: ChartLine[];
  ticks: Tick[];
  threshold: number;
  zone: string;
  whole: boolean;
}

export interface ChartLine {
  class: string;
  name: string;
  dashed: boolean;
  values: (number | null)[];
  withheld: number[];
}

export interface Tick {
  at: number;
  end: number;
  words: string;
}

export interface Palette {
  ground: string;
  water: string;
  park: string;
  green: string;
  square: string;
  building: string;
  buildingEdge: string;
  main: string;
  street: string;
  lane: string;
  path: string;
  casing: string;
  rail: string;
  text: string;
  halo: string;
  accent: string;
  mapped: string;
  paper: string;
}

export interface MapData {
  bounds: [number, number, number, number];
  centre: [number, number];
  zoom: number;
  layers: Record<string, string>;
  light: Palette;
  dark: Palette;
  worker: string;
  cameras: MapCamera[];
  mapped: MapMapped[];
  streets: string[];
  sensors: string;
}

export interface MapCamera {
  name: string;
  title: string;
  at: [number, number];
  cone: ([number, number])[];
  sign: string;
  state: string;
}

export interface MapMapped {
  at: [number, number];
  words: string;
  street: number;
}

export interface TransitMapData {
  map: MapData;
  feeds: TransitFeedData[];
}

export interface TransitFeedData {
  lines: string;
  vehicles: string;
}

export interface SensorChart {
  from: number;
  step: number;
  values: (number | null)[];
  least: (number | null)[];
  most: (number | null)[];
  bars: boolean;
  name: string;
  unit: string;
  decimals: number;
  zone: string;
  range: string;
  thresholds: SensorLevel[];
}

export interface SensorLevel {
  value: number;
  words: string;
  alarm: boolean;
}

export interface RecordChart {
  months: string[];
  opened: number[];
  refused: number[];
}

export interface ConcernedData {
  map: MapData;
  openings: string;
  purposes: Record<string, string>;
  bodies: Record<string, string>;
}

export interface OpeningsData {
  cameras: OpeningsCamera[];
  checkpoint: OpeningsAt;
  openings: OpeningData[];
  unknown: UnknownOpening[];
  zone: string;
}

export interface OpeningsAt {
  origin: string;
  root: string;
  size: number;
  time: string;
}

export interface OpeningsCamera {
  at: [number, number];
  cone: ([number, number])[];
  name: string;
  reach: number;
  title: string;
}

export interface OpeningData {
  body: string;
  cameras: string[];
  from: string;
  index: number;
  opened_at?: string;
  purpose: string;
  to: string;
}

export interface UnknownOpening {
  before: string;
  body: string;
  cameras_count: number;
  hours_count: number;
  index: number;
  opened_at?: string;
  overdue: boolean;
  public_on: string;
  purpose: string;
}

export interface WallData {
  cameras: WallCamera[];
  tiles: number;
  most: number;
  screen: number;
  zone: string;
}

export interface WallCamera {
  name: string;
  title: string;
  width: number;
  height: number;
  ground: Ground | null;
}

export interface PushSubscription {
  endpoint: string;
  p256dh: string;
  auth: string;
  off: boolean;
}

export interface Position {
  lon: number;
  lat: number;
}

export interface Alert {
  key: string;
  kind: string;
  desk: string;
  priority: number;
  title: AlertTitle;
  place?: Position | null;
  camera?: string;
  zone?: string;
  asset?: string;
  start: string;
  end?: string;
  simulated?: boolean;
  state: string;
  until?: string;
  assignee?: string;
  escalated?: boolean;
  notes?: number;
  incident?: string;
  verdict?: string;
  before?: string;
  closed?: string;
  quiet?: boolean;
  revision: number;
  sequence: number;
  last: AlertEntry;
}

export interface AlertTitle {
  text: string;
  values?: AlertValue[];
}

export interface AlertValue {
  name: string;
  number?: number | null;
  unit?: string;
  word?: string;
}

export interface AlertEntry {
  at: string;
  what: string;
  by?: string;
  roles?: string[];
  to?: string;
  until?: string;
  verdict?: string;
  priority?: number;
  text?: string;
}

export interface RoomData {
  me: string;
  zone: string;
  desks: string[];
  handles: string[];
  people: Record<string, string>;
  colleagues: Record<string, string>;
  kinds: RoomKind[];
  cameras: Record<string, RoomCamera>;
  map: MapData;
}

export interface RoomKind {
  name: string;
}

export interface RoomCamera {
  title: string;
  at: [number, number];
}

export interface CrewData {
  person: string;
  name: string;
  at: number;
  zone: string;
  orders: CrewOrder[];
  map: CrewMap;
  block: number;
}

export interface CrewOrder {
  id: string;
  number: number;
  revision: number;
  desk: string;
  state: string;
  kind: string;
  task: string;
  asset?: string;
  place?: Position | null;
  where?: string;
  priority: string;
  due?: string | null;
  assigned: OrderAssignee;
  source: OrderSource;
  made: string;
  changed: string;
  given?: string | null;
  closed?: string | null;
  timeline?: OrderEntry[];
  photos?: OrderPhoto[];
  onMap: boolean;
  x: number;
  y: number;
  sheet: string;
}

export interface CrewMap {
  light: string;
  dark: string;
  width: number;
  height: number;
  credit: string;
  creditUrl: string;
}

export interface DriverData {
  person: string;
  at: number;
  zone: string;
  simulated: boolean;
  clock: string;
  day: string;
  phase: string;
  tours: DriverTour[];
  sites: string[];
  reasons: string[];
  mine: DriverMine | null;
  map: CrewMap;
  block: number;
}

export interface DriverTour {
  truck: string;
  stops: number;
  done: number;
  taken: boolean;
  broken: boolean;
}

export interface DriverMine {
  truck: string;
  broken: boolean;
  home: boolean;
  end: string;
  break: string;
  line: string;
  calls: DriverCall[];
}

export interface DriverCall {
  container: string;
  site: string;
  street: string;
  fraction: string;
  litres: number;
  near: boolean;
  arrive: string;
  kilograms: number;
  done: boolean;
  missed: string;
  at: string;
  place: Position;
  onMap: boolean;
  x: number;
  y: number;
}

export interface OrderAssignee {
  person?: string;
  crew?: string;
  name?: string;
}

export interface OrderSource {
  from?: string;
  key?: string;
  service?: string;
  reason?: string;
  level?: string;
}

export interface OrderEntry {
  at: string;
  told?: string | null;
  who?: string;
  name: string;
  what: string;
  state?: string;
  reason?: string;
  text?: string;
}

export interface OrderPhoto {
  id: string;
  stage: string;
  at: string;
  width: number;
  height: number;
}

export interface RecordedData {
  camera: string;
  keeps: number;
  spans: ([number, number])[];
}

export interface CaseNewData {
  map: MapData;
  cameras: CaseNewCamera[];
  zone: string;
  now: number;
  office: string;
  max_cameras: number;
  max_hours: number;
  max_days: number;
}

export interface CaseNewCamera {
  name: string;
  title: string;
}

export interface EditorData {
  camera: string;
  width: number;
  height: number;
  layout: Layout;
}

export interface Problem {
  message: string;
  zone: number;
  line: number;
  ground: boolean;
}

export const classes = {
  0: "thing",
  1: "person",
  2: "bicycle",
  3: "vehicle",
} as const;

export const events = {
  1: "crowding",
  2: "wrong-way",
  3: "intrusion",
  4: "stopped",
  5: "object-left",
  6: "camera-moved",
  7: "camera-blind",
  8: "camera-silent",
  9: "entry-ended",
  10: "observing-less",
} as const;

export const conditions = {
  1: "starting",
  2: "live",
  3: "no-picture",
  4: "wrong-password",
  5: "bad-stream",
  6: "no-detector",
  7: "refused",
  8: "ended",
} as const;

export const grids = { pixels16: 0, halfMetres: 1 } as const;
export const tileSize = 16;
export const blockSize = 8;
export const atlasColumns = 16;
export const maxZones = 64;
export const maxLines = 64;
