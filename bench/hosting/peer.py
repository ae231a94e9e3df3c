"""Hosting capacity of buses by brute force: OpenDSS solves every step.

    peer.py FEEDER.dss IN.json OUT.json

IN holds buses (name to phases), kind (sun, cars), taps (follow, hold), vmin, vmax, most_kw
and step_kw. From nothing upwards in steps, each from the taps and capacitor states
without the addition, until a voltage or a rating is broken that was not before; between
the last two steps a hundredth of the step decides.
"""
import json
import sys

import numpy as np
from dss import DSS

WORSE = 1e-6


class Feeder:
    def __init__(self, path, given):
        DSS.AllowForms = False
        self.given = given
        DSS.Text.Command = "clear"
        DSS.Text.Command = f'compile "{path}"'
        self.circuit, self.solution = DSS.ActiveCircuit, DSS.ActiveCircuit.Solution
        self.solution.MaxControlIterations = 300
        DSS.Text.Command = "set tolerance=1e-8 maxiterations=500"
        self.solution.Solve()
        names = [n for n in self.circuit.RegControls.AllNames if n.lower() != "none"]
        self.taps = []
        for name in names:
            self.circuit.RegControls.Name = name
            self.taps.append((name, self.circuit.RegControls.TapNumber))
        self.steps = []
        for name in self.circuit.Capacitors.AllNames:
            if name.lower() != "none":
                self.circuit.Capacitors.Name = name
                self.steps.append((name, list(self.circuit.Capacitors.States)))
        self.rated = []
        i = self.circuit.Transformers.First
        while i:
            self.rated.append(float(self.circuit.ActiveCktElement.Properties("normhkVA").Val))
            i = self.circuit.Transformers.Next
        self.nodes = np.array([int(n.split(".")[1]) <= 3 for n in self.circuit.AllNodeNames])
        self.volts, self.load = self.look()
        if given["taps"] == "hold":
            DSS.Text.Command = "set controlmode=off"

    def look(self):
        volts = np.array(self.circuit.AllBusVmagPu)[self.nodes]
        load = []
        lines = self.circuit.Lines
        i = lines.First
        while i:
            e = self.circuit.ActiveCktElement
            load.append(max(e.CurrentsMagAng[0::2]) / lines.NormAmps if lines.NormAmps > 0 else 0.0)
            i = lines.Next
        t = self.circuit.Transformers
        i = t.First
        while i:
            e = self.circuit.ActiveCktElement
            p = e.Powers
            n = e.NumConductors
            rated = self.rated[i - 1]
            load.append(abs(complex(sum(p[0 : 2 * n : 2]), sum(p[1 : 2 * n : 2]))) / rated if rated > 0 else 0.0)
            i = t.Next
        return volts, np.array(load)

    def broken(self, kw):
        for name, tap in self.taps:
            self.circuit.RegControls.Name = name
            self.circuit.RegControls.TapNumber = tap
        for name, states in self.steps:
            self.circuit.Capacitors.Name = name
            self.circuit.Capacitors.States = states
        element = "generator" if self.given["kind"] == "sun" else "load"
        DSS.Text.Command = f"edit {element}.hosted kw={kw} kvar=0"
        self.solution.Solve()
        if not self.solution.Converged:
            return True
        volts, load = self.look()
        return bool(
            (volts > np.maximum(self.given["vmax"], self.volts) + WORSE).any()
            or (volts < np.minimum(self.given["vmin"], self.volts) - WORSE).any()
            or (load > np.maximum(1, self.load) + WORSE).any()
        )


def capacity(path, given, bus, phases):
    feeder = Feeder(path, given)
    feeder.circuit.SetActiveBus(bus)
    kv = feeder.circuit.ActiveBus.kVBase * (3**0.5 if len(phases) > 1 else 1)
    element = "generator" if given["kind"] == "sun" else "load"
    # a load or generator of two or three phases is rated line to line, of one to earth
    DSS.Text.Command = (
        f"new {element}.hosted bus1={bus}.{'.'.join(map(str, phases))} phases={len(phases)} kv={kv} kw=0.001 kvar=0 model=1 vminpu=0.5 vmaxpu=1.5"
    )
    step, kw = given["step_kw"], 0.0
    while kw < given["most_kw"]:
        if feeder.broken(kw + step):
            break
        kw += step
    else:
        return kw
    for fine in (step / 10, step / 100):
        for _ in range(10):
            if feeder.broken(kw + fine):
                break
            kw += fine
    return kw


def main(path, given, out):
    given = json.load(open(given))
    json.dump({bus: capacity(path, given, bus, phases) for bus, phases in given["buses"].items()}, open(out, "w"))


main(*sys.argv[1:])
