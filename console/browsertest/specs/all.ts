import "./pages.ts";
import "./scene.ts";
import "./slider.ts";
import "./editor.ts";
import "./citymap.ts";
import "./sensors.ts";
import "./transit.ts";
import { runAll } from "./runner.ts";

void runAll();
