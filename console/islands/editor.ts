// The editor for zones, lines and ground points on a camera's scene.
import { dataOf, one } from "./dom.ts";
import { Form } from "./editorform.ts";
import { Handles } from "./editorhandles.ts";
import { Drawing } from "./drawing.ts";
import type { EditorData } from "./generated.ts";

const data = dataOf<EditorData>(document.getElementById("editor-data"));
const drawing = new Drawing(data.layout);
const handles = new Handles(one(".editor-box"), data, drawing);
new Form(one(".editor-list"), data, drawing, handles);
