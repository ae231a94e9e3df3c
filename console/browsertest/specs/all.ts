import "./pages.ts";
import "./scene.ts";
import "./slider.ts";
import "./editor.ts";
import "./citymap.ts";
import "./sensors.ts";
import { runAll } from "./runner.ts";

void runAll();
