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
