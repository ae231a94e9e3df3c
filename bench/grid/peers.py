"""What OpenDSS and pandapower make of a network, and how long it takes them.

    peers.py opendss FEEDER.dss SOLVES OUT.json
    peers.py pandapower FOLDER SOLVES OUT.json NAME-OR-FILE.json...

Times are CPU seconds per solution, the best of three rounds. The loads of round i are
those of all rounds times scale(i), which is the same sequence as in main.go. Networks that pandapower knows by
name are written to FOLDER."""
import json
import sys
import time


def scales(n):
    x, out = 12345, []
    for _ in range(n):
        x = x * 16807 % 2147483647
        out.append(0.7 + 0.4 * x / 2147483647)
    return out


def best(rounds, work):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def opendss(path, solves, out):
    from dss import DSS
    from dss_python_backend import lib

    DSS.AllowForms = False
    DSS.Text.Command = "clear"
    DSS.Text.Command = f'compile "{path}"'
    circuit, solution = DSS.ActiveCircuit, DSS.ActiveCircuit.Solution
    solution.MaxControlIterations = max(solution.MaxControlIterations, 300)
    solution.Solve()
    result = {"converged": bool(solution.Converged)}
    names = [n for n in circuit.RegControls.AllNames if n.lower() != "none"]

    def taps():
        found = {}
        for name in names:
            circuit.RegControls.Name = name
            found[name] = int(circuit.RegControls.TapNumber)
        return found

    result["taps"] = taps()
    # the same taps, solved to the end, are what voltages are compared with
    DSS.Text.Command = "set controlmode=off"
    tolerance = solution.Tolerance
    DSS.Text.Command = "set tolerance=1e-9 maxiterations=500"
    solution.Solve()
    result["converged"] = result["converged"] and bool(solution.Converged)
    volts = circuit.AllBusVolts
    result["volts"] = {n.lower(): [float(volts[2 * i]), float(volts[2 * i + 1])] for i, n in enumerate(circuit.AllNodeNames)}
    result["base_kv"] = {}
    for name in circuit.AllBusNames:
        circuit.SetActiveBus(name)
        result["base_kv"][name.lower()] = float(circuit.ActiveBus.kVBase)
    result["loss_w"] = float(circuit.Losses[0])
    # time, at OpenDSS's own tolerance, through the C API itself
    DSS.Text.Command = f"set tolerance={tolerance} maxiterations=100"
    result["tolerance"] = float(tolerance)
    sequence = scales(solves)
    solution.Solve()
    iterations = 0

    def work():
        nonlocal iterations
        iterations = 0
        for s in sequence:
            lib.Solution_Set_LoadMult(s)
            lib.Solution_Solve()
            iterations += lib.Solution_Get_Iterations()

    def nothing():
        for s in sequence:
            lib.Solution_Set_LoadMult(s)
            lib.Solution_Get_Iterations()

    result["seconds"] = (best(3, work) - best(3, nothing)) / solves
    result["iterations"] = iterations / solves
    json.dump(result, open(out, "w"))


def network(name):
    import pandapower as pp
    import pandapower.networks as nw

    if name.endswith(".json"):
        return pp.from_json(name)
    makers = {"case33bw": nw.case33bw, "cigre_mv": nw.create_cigre_network_mv, "mv_oberrhein": nw.mv_oberrhein}
    if name not in makers:
        makers[name] = getattr(nw, name)
    return makers[name]()


def pandapower(folder, solves, out, *names):
    json.dump({name: balanced(name, solves, folder) for name in names}, open(out, "w"))


def balanced(name, solves, folder):
    import pandapower as pp

    net = network(name)
    if not name.endswith(".json"):
        pp.to_json(net, f"{folder}/{name}.json")
    pp.runpp(net, tolerance_mva=1e-10)
    result = {
        "converged": bool(net.converged),
        "pu": {str(i): float(v) for i, v in net.res_bus.vm_pu.items() if v == v},
        "loss_w": float(net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum() + net.res_trafo3w.pl_mw.sum() + net.res_impedance.pl_mw.sum()) * 1e6,
    }
    sequence = scales(solves)
    base = net.load.scaling.copy()

    def run(**options):
        def work():
            for s in sequence:
                net.load["scaling"] = base * s
                pp.runpp(net, numba=True, **options)
        return work

    run()()  # numba compiles
    result["seconds"] = best(2, run()) / solves
    result["seconds_recycled"] = best(2, run(init="results", recycle={"bus_pq": True, "trafo": False, "gen": False})) / solves
    return result


if __name__ == "__main__":
    kind, path, solves, out, *rest = sys.argv[1:]
    {"opendss": opendss, "pandapower": pandapower}[kind](path, int(solves), out, *rest)
