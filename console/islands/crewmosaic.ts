// Masks a photo on the telephone: everything outside the crew's frame becomes a mosaic of
// blocks, then the picture is encoded anew, and only that is ever sent. The hub checks
// the same (room/order, Masked).

export interface Frame {
  x: number;
  y: number;
  w: number;
  h: number;
}

const longest = 1280; // px
const share = 0.6; // of the picture that a frame may cover

/** A photo ready to be framed: sides are multiples of the block. */
export class Mosaic {
  readonly columns: number;
  readonly rows: number;
  private readonly picture: HTMLCanvasElement;
  private readonly colours: string[] = [];

  constructor(
    photo: ImageBitmap,
    readonly block: number,
  ) {
    const scale = longest / Math.max(photo.width, photo.height);
    const round = (v: number) => Math.max(block, Math.floor((v * scale) / block + 1e-6) * block);
    this.picture = document.createElement("canvas");
    this.picture.width = round(photo.width);
    this.picture.height = round(photo.height);
    const pen = this.picture.getContext("2d", { willReadFrequently: true })!;
    pen.drawImage(photo, 0, 0, photo.width * scale, photo.height * scale); // the rest of a block is cut off
    this.columns = this.picture.width / block;
    this.rows = this.picture.height / block;
    for (let row = 0; row < this.rows; row++) for (let column = 0; column < this.columns; column++) this.colours.push(mean(pen.getImageData(column * block, row * block, block, block).data));
  }

  get width(): number {
    return this.picture.width;
  }

  get height(): number {
    return this.picture.height;
  }

  /** A frame in the middle, a third of the picture each way. */
  middle(): Frame {
    const w = Math.max(1, Math.round(this.columns / 2.5)), h = Math.max(1, Math.round(this.rows / 2.5));
    return this.fit({ x: Math.floor((this.columns - w) / 2) * this.block, y: Math.floor((this.rows - h) / 2) * this.block, w: w * this.block, h: h * this.block });
  }

  /** The nearest frame on the grid that lies in the picture and is not too large. */
  fit(f: Frame): Frame {
    const b = this.block;
    let w = Math.min(this.columns, Math.max(1, Math.round(f.w / b))), h = Math.min(this.rows, Math.max(1, Math.round(f.h / b)));
    while (w * h > share * this.columns * this.rows) {
      if (w / this.columns >= h / this.rows) w--;
      else h--;
    }
    const x = Math.min(this.columns - w, Math.max(0, Math.round(f.x / b))), y = Math.min(this.rows - h, Math.max(0, Math.round(f.y / b)));
    return { x: x * b, y: y * b, w: w * b, h: h * b };
  }

  /** Draws what would be sent. */
  draw(onto: HTMLCanvasElement, f: Frame): void {
    onto.width = this.width;
    onto.height = this.height;
    const pen = onto.getContext("2d")!;
    for (let row = 0; row < this.rows; row++) {
      for (let column = 0; column < this.columns; column++) {
        pen.fillStyle = this.colours[row * this.columns + column] ?? "#000";
        pen.fillRect(column * this.block, row * this.block, this.block, this.block);
      }
    }
    pen.drawImage(this.picture, f.x, f.y, f.w, f.h, f.x, f.y, f.w, f.h);
  }

  /** The masked picture as JPEG without anything beside it. */
  async encode(f: Frame): Promise<Blob> {
    const canvas = document.createElement("canvas");
    this.draw(canvas, f);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    if (!blob) throw new Error("the browser writes no JPEG");
    return new Blob([bare(new Uint8Array(await blob.arrayBuffer()))], { type: "image/jpeg" });
  }
}

function mean(data: Uint8ClampedArray): string {
  let r = 0, g = 0, b = 0;
  for (let i = 0; i < data.length; i += 4) {
    r += data[i]!;
    g += data[i + 1]!;
    b += data[i + 2]!;
  }
  const n = data.length / 4;
  return `rgb(${Math.round(r / n)} ${Math.round(g / n)} ${Math.round(b / n)})`;
}

/** A JPEG without comments and application segments but the first kind (ITU-T T.81, B.1.1.4): some browsers write EXIF. */
export function bare(jpeg: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const keep: Uint8Array[] = [jpeg.subarray(0, 2)];
  let at = 2;
  while (at + 4 <= jpeg.length && jpeg[at] === 0xff) {
    const marker = jpeg[at + 1]!;
    if (marker === 0xda) break; // the picture itself, to the end
    const end = at + 2 + jpeg[at + 2]! * 256 + jpeg[at + 3]!;
    if (!(marker > 0xe0 && marker <= 0xef) && marker !== 0xfe) keep.push(jpeg.subarray(at, end));
    at = end;
  }
  keep.push(jpeg.subarray(at));
  const out = new Uint8Array(keep.reduce((n, k) => n + k.length, 0));
  keep.reduce((n, k) => (out.set(k, n), n + k.length), 0);
  return out;
}
