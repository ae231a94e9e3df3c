// Marks as plain figures: the same upright person, bicycle and vehicle for everyone,
// in one colour.

export type Kind = "person" | "bicycle" | "vehicle";

export const figureColour = "#0a58a6";

/** Draws a figure that stands at x, y (its foot) and is size pixels high. */
export function figure(on: CanvasRenderingContext2D, kind: Kind, x: number, y: number, size: number, alpha: number): void {
  on.save();
  on.globalAlpha = alpha;
  on.translate(x, y);
  on.scale(size, size);
  on.lineJoin = on.lineCap = "round";
  const path = shapes[kind];
  on.strokeStyle = "rgb(255 255 255 / .85)";
  on.lineWidth = kind === "person" ? 0.07 : 0.1;
  on.stroke(path);
  if (kind === "person") {
    on.fillStyle = figureColour;
    on.fill(path);
  } else {
    on.strokeStyle = figureColour;
    on.lineWidth = 0.05;
    on.stroke(path);
  }
  on.restore();
}

// Unit: the height of a person is 1; the foot is at 0, 0; up is negative.
const shapes: Record<Kind, Path2D> = { person: person(), bicycle: bicycle(), vehicle: vehicle() };

function person(): Path2D {
  const p = new Path2D();
  p.arc(0, -0.9, 0.1, 0, 2 * Math.PI);
  p.closePath();
  p.roundRect(-0.16, -0.77, 0.32, 0.42, [0.12, 0.12, 0.05, 0.05]);
  p.roundRect(-0.13, -0.42, 0.115, 0.42, [0, 0, 0.05, 0.05]);
  p.roundRect(0.015, -0.42, 0.115, 0.42, [0, 0, 0.05, 0.05]);
  return p;
}

function bicycle(): Path2D {
  const p = new Path2D();
  for (const x of [-0.34, 0.34]) {
    p.moveTo(x + 0.22, -0.22);
    p.arc(x, -0.22, 0.22, 0, 2 * Math.PI);
  }
  p.moveTo(-0.34, -0.22);
  p.lineTo(-0.1, -0.52);
  p.lineTo(0.24, -0.52);
  p.lineTo(0, -0.22);
  p.lineTo(-0.34, -0.22);
  p.moveTo(0, -0.22);
  p.lineTo(-0.14, -0.6);
  p.moveTo(0.34, -0.22);
  p.lineTo(0.22, -0.66);
  p.lineTo(0.32, -0.68);
  return p;
}

function vehicle(): Path2D {
  const p = new Path2D();
  p.moveTo(-1.05, -0.2);
  p.lineTo(-1.05, -0.45);
  p.quadraticCurveTo(-1.02, -0.55, -0.85, -0.57);
  p.lineTo(-0.6, -0.6);
  p.lineTo(-0.35, -0.88);
  p.lineTo(0.4, -0.88);
  p.lineTo(0.68, -0.6);
  p.quadraticCurveTo(1.05, -0.55, 1.08, -0.4);
  p.lineTo(1.08, -0.2);
  p.closePath();
  for (const x of [-0.6, 0.62]) {
    p.moveTo(x + 0.19, -0.19);
    p.arc(x, -0.19, 0.19, 0, 2 * Math.PI);
  }
  return p;
}
