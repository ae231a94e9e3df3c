"""pandapower's state estimation of the same measurements:

    peer.py CASE.json DRAWS.json OUT.json

DRAWS holds a list of lists [kind, bus or line, side, value, sigma]; per unit, MW, Mvar.
Writes the voltages per draw and the CPU seconds per estimate."""
import json
import sys
import time

import pandapower as pp
import pandapower.networks as networks
from pandapower.estimation import estimate

case, draws, out = sys.argv[1:]
net = getattr(networks, case)()
volts, seconds = [], 0.0
for draw in json.load(open(draws)):
    net.measurement.drop(net.measurement.index, inplace=True)
    for kind, element, side, value, sigma in draw:
        if kind == "v":
            pp.create_measurement(net, "v", "bus", value, sigma, element)
        elif side is None:
            pp.create_measurement(net, kind, "bus", value, sigma, element)
        else:
            pp.create_measurement(net, kind, "line", value, sigma, element, side=side)
    start = time.process_time()
    ok = estimate(net, init="flat", tolerance=1e-8, zero_injection=None)
    seconds += time.process_time() - start
    good = ok["success"] if isinstance(ok, dict) else bool(ok)
    volts.append([float(v) for v in net.res_bus_est.vm_pu] if good else None)
json.dump({"volts": volts, "seconds": seconds / max(1, len(volts))}, open(out, "w"))
