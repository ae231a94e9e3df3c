"""Writes what OpenDSS makes of the feeders beside this file, as golden values for
the tests: `pip install dss-python==0.15.7 && python oracle.py`."""
import json, pathlib
from dss import DSS

here = pathlib.Path(__file__).parent
DSS.AllowForms = False
for feeder in sorted(here.glob("*.dss")):
    DSS.Text.Command = "clear"
    DSS.Text.Command = f'compile "{feeder}"'
    circuit = DSS.ActiveCircuit
    for command in ("set tolerance=1e-9", "set maxiterations=500"):
        DSS.Text.Command = command
    circuit.Solution.Solve()
    assert circuit.Solution.Converged, feeder
    volts = circuit.AllBusVolts
    taps = {}
    for name in circuit.RegControls.AllNames:
        if name.lower() != "none":
            circuit.RegControls.Name = name
            taps[name] = circuit.RegControls.TapNumber
    steps = {}
    for name in circuit.Capacitors.AllNames:
        if name.lower() != "none":
            circuit.Capacitors.Name = name
            steps[name] = int(sum(circuit.Capacitors.States))
    golden = {
        "losses": [float(x) for x in circuit.Losses],
        "taps": taps,
        "steps": steps,
        "volts": {n: [float(volts[2 * i]), float(volts[2 * i + 1])] for i, n in enumerate(circuit.AllNodeNames)},
    }
    feeder.with_suffix(".golden.json").write_text(json.dumps(golden, indent=1) + "\n")
    # Two-phase (or one-phase) short circuits without load, at the taps found.
    for command in ("set controlmode=off", "batchedit load..* enabled=no", *(f"batchedit {kind}..* enabled=no" for kind in ("generator", "pvsystem", "storage")), "solve"):
        DSS.Text.Command = command
    pairs_of = lambda x: [complex(x[2 * i], x[2 * i + 1]) for i in range(len(x) // 2)]
    before = {}
    for name in circuit.AllBusNames:  # ZscRefresh overwrites the voltages
        circuit.SetActiveBus(name)
        before[name] = pairs_of(circuit.ActiveBus.Voltages)
    least = {}
    for name, v in before.items():
        circuit.SetActiveBus(name)
        bus = circuit.ActiveBus
        if not bus.ZscRefresh():
            continue
        nodes = [n for n in bus.Nodes if n <= 3]
        n, z = len(bus.Nodes), pairs_of(bus.ZscMatrix)
        if n == 1:
            least[name] = abs(v[0] / z[0])
        elif len(nodes) == n:
            pairs = [(0, 1)] if n == 2 else [(0, 1), (1, 2), (2, 0)]
            least[name] = min(abs((v[p] - v[q]) / (z[p * n + p] + z[q * n + q] - z[p * n + q] - z[q * n + p])) for p, q in pairs)
    feeder.with_suffix(".short.json").write_text(json.dumps(least, indent=1) + "\n")
