"""Runs a network with wntr's EpanetSimulator, and with the bare C library.

usage: peer.py wntr NETWORK SECONDS FOLDER      results into FOLDER, a JSON line out
       peer.py bare NETWORK SECONDS LIBRARY     a JSON line out
"""

import ctypes
import json
import sys
import time


def wntr_run(network, seconds, folder):
    import os

    import numpy
    import wntr

    start = time.perf_counter()
    wn = wntr.network.WaterNetworkModel(network)
    if seconds:
        wn.options.time.duration = seconds
    os.chdir(folder)
    results = wntr.sim.EpanetSimulator(wn).run_sim()
    took = time.perf_counter() - start
    head, flow = results.node["head"], results.link["flowrate"]
    numpy.asarray(head.values, dtype="<f4").tofile("heads")
    numpy.asarray(flow.values, dtype="<f4").tofile("flows")
    return {
        "seconds": took,
        "times": [int(t) for t in head.index],
        "nodes": list(head.columns),
        "links": list(flow.columns),
    }


def bare_run(network, seconds, library):
    ctypes.CDLL("libm.so.6", mode=ctypes.RTLD_GLOBAL)
    epanet = ctypes.CDLL(library)
    project, now, step = ctypes.c_void_p(), ctypes.c_long(), ctypes.c_long(1)
    start = time.perf_counter()
    epanet.EN_createproject(ctypes.byref(project))
    code = epanet.EN_open(project, network.encode(), b"/dev/null", b"")
    if code > 6:
        raise SystemExit(f"EPANET error {code} in {network}")
    epanet.EN_setstatusreport(project, 0)
    if seconds:
        epanet.EN_settimeparam(project, 0, ctypes.c_long(seconds))
    epanet.EN_openH(project)
    epanet.EN_initH(project, 0)
    periods = 0
    while step.value > 0:
        code = epanet.EN_runH(project, ctypes.byref(now))
        if code > 6:
            raise SystemExit(f"EPANET error {code} at {now.value} s")
        epanet.EN_nextH(project, ctypes.byref(step))
        periods += 1
    epanet.EN_closeH(project)
    epanet.EN_close(project)
    epanet.EN_deleteproject(project)
    return {"seconds": time.perf_counter() - start, "periods": periods}


if __name__ == "__main__":
    what, network, seconds, where = sys.argv[1:]
    run = wntr_run if what == "wntr" else bare_run
    print(json.dumps(run(network, int(seconds), where)))
