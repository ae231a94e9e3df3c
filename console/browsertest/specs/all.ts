import "./pages.ts";
import "./scene.ts";
import "./slider.ts";
import "./editor.ts";
import "./citymap.ts";
import "./sensors.ts";
import "./transit.ts";
import "./water.ts";
import "./orders.ts";
import "./looks.ts";
import "./record.ts";
import "./policies.ts";
import "./wall.ts";
import "./room.ts";
import "./notices.ts";
import "./cases.ts";
import { runAll } from "./runner.ts";

void runAll();
