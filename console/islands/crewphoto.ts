// The dialog in which a crew frames the object of a photo.
import { Mosaic, type Frame } from "./crewmosaic.ts";
import { draw, make } from "./dom.ts";
import { say } from "./texts.ts";

export interface Framed extends Frame {
  stage: string; // empty where none was asked for
  jpeg: Blob;
}

const handle = 96; // px of the picture around the corner that resizes

/** Asks for a photo and its frame, and with a stage for that; calls back with what may be sent, or never. */
export function framePhoto(block: number, stage: string, done: (f: Framed) => void): void {
  const file = make("input", { type: "file", accept: "image/*", capture: "environment", "aria-label": say("crew.photo.choose") });
  const problem = make("p", { role: "alert" });
  const body = make("div", {}, make("p", {}, say("crew.photo.about")), make("p", {}, file), problem);
  const dialog = make("dialog", { class: "crew-dialog", "aria-labelledby": "frame-title" }, make("h2", { id: "frame-title" }, say("crew.photo.title")), body);
  const back = make("button", { type: "button", onclick: () => dialog.close() }, say("crew.back"));
  dialog.append(back);
  dialog.addEventListener("close", () => dialog.remove());
  file.addEventListener("change", async () => {
    const chosen = file.files?.[0];
    if (!chosen) return;
    try {
      const photo = await createImageBitmap(chosen, { imageOrientation: "from-image" });
      const mosaic = new Mosaic(photo, block);
      photo.close();
      framing(body, mosaic, stage, (f) => {
        dialog.close();
        done(f);
      });
    } catch {
      problem.textContent = say("crew.photo.bad");
    }
  });
  document.body.append(dialog);
  dialog.showModal();
}

function framing(body: HTMLElement, mosaic: Mosaic, stage: string, done: (f: Framed) => void): void {
  let frame = mosaic.middle();
  const canvas = make("canvas", {});
  const line = draw("rect", { class: "crew-frame-line" });
  const grip = draw("circle", { class: "crew-frame-grip", r: 28 });
  const over = draw("svg", { viewBox: `0 0 ${mosaic.width} ${mosaic.height}`, "aria-hidden": "true" }, line, grip);
  const said = make("span", { class: "unseen", "aria-live": "polite" });
  const field = make("div", { class: "crew-frame", tabindex: 0, role: "group", "aria-label": say("crew.photo.frame") }, canvas, over, said);
  const show = (f: Frame) => {
    frame = mosaic.fit(f);
    mosaic.draw(canvas, frame);
    for (const [name, v] of Object.entries({ x: frame.x, y: frame.y, width: frame.w, height: frame.h })) line.setAttribute(name, String(v));
    grip.setAttribute("cx", String(frame.x + frame.w));
    grip.setAttribute("cy", String(frame.y + frame.h));
    said.textContent = say("crew.photo.framed", { w: frame.w / mosaic.block, h: frame.h / mosaic.block });
  };
  show(frame);
  dragging(field, mosaic, () => frame, show);
  field.addEventListener("keydown", (e) => {
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if (!by) return;
    e.preventDefault();
    const [dx, dy] = [by[0]! * mosaic.block, by[1]! * mosaic.block];
    show(e.shiftKey ? { ...frame, w: frame.w + dx, h: frame.h + dy } : { ...frame, x: frame.x + dx, y: frame.y + dy });
  });
  const stages = ["before", "after"] as const;
  const form = make(
    "form", { method: "dialog" },
    stage !== "" && make(
      "fieldset", {}, make("legend", { class: "unseen" }, say("crew.do.photo")),
      ...stages.map((s) => make("label", { class: "choice" }, make("input", { type: "radio", name: "stage", value: s, checked: s === stage }), say(`crew.photo.${s}`))),
    ),
    make("button", { class: "first" }, say("crew.photo.send")),
  );
  form.addEventListener("submit", async (e) => {
    e.preventDefault();
    const jpeg = await mosaic.encode(frame);
    done({ ...frame, stage: form.querySelector<HTMLInputElement>("input:checked")?.value ?? "", jpeg });
  });
  body.replaceChildren(make("p", {}, say("crew.photo.about")), field, form);
  field.focus();
}

/** A finger on the corner resizes, elsewhere it moves the frame. */
function dragging(field: HTMLElement, mosaic: Mosaic, now: () => Frame, show: (f: Frame) => void): void {
  let from: { x: number; y: number; frame: Frame; corner: boolean } | null = null;
  const at = (e: PointerEvent) => {
    const box = field.getBoundingClientRect();
    return { x: ((e.clientX - box.left) / box.width) * mosaic.width, y: ((e.clientY - box.top) / box.height) * mosaic.height };
  };
  field.addEventListener("pointerdown", (e) => {
    const p = at(e), f = now();
    from = { ...p, frame: f, corner: Math.hypot(p.x - f.x - f.w, p.y - f.y - f.h) < handle };
    field.setPointerCapture(e.pointerId);
  });
  field.addEventListener("pointermove", (e) => {
    if (!from) return;
    const p = at(e), dx = p.x - from.x, dy = p.y - from.y, f = from.frame;
    show(from.corner ? { ...f, w: f.w + dx, h: f.h + dy } : { ...f, x: f.x + dx, y: f.y + dy });
  });
  for (const name of ["pointerup", "pointercancel"]) field.addEventListener(name, () => (from = null));
}
