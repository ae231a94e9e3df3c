"""Judges restoration plans with code that shares nothing with the planner.

    reference.py IN.json OUT.json

IN names networks with faults and the switching actions proposed for each. Every
action is replayed and every state checked: voltages and currents within limits, no
loop, the fault never live. Then the best restorable load is sought:

  - an OpenDSS script: every state of the switches, by OpenDSS, the most load first;
  - a balanced graph: a mixed-integer program over all trees whose constraints every
    true state meets (branch flow without its last equation; squared currents by
    tangents from below), solved by HiGHS. An answer that a sweep shows to break a limit
    is cut off, with all that contain it, since more load never helps; the program is
    solved again until it has nothing better than the plan or a state that is.
"""
import json
import math
import sys

TOLERANCE = 1e-6


class Sets:
    def __init__(self):
        self.parent = {}

    def find(self, a):
        self.parent.setdefault(a, a)
        while self.parent[a] != a:
            self.parent[a] = self.parent[self.parent[a]]
            a = self.parent[a]
        return a

    def join(self, a, b):
        a, b = self.find(a), self.find(b)
        self.parent[a] = b
        return a != b


# -- balanced graphs ---------------------------------------------------------


class Graph:
    """A balanced network per unit: nodes from 0 (the source), loads, edges (a, b, r, x, most)."""

    def __init__(self, given):
        self.p, self.q = given["p"], given["q"]
        self.edges, self.v0 = given["edges"], given["v0"]
        self.vmin, self.vmax = given["vmin"], given["vmax"]
        self.n = len(self.p)
        self.initial = set(given["closed"])
        self.number = {name: k for k, name in enumerate(given["names"])}
        self.kw = given["kw"]

    def solve(self, closed):
        """Fed load, and what is wrong: sweeps over the tree from the source."""
        next_ = [[] for _ in range(self.n)]
        for k in closed:
            a, b = self.edges[k][:2]
            next_[a].append((b, k))
            next_[b].append((a, k))
        order, parent = [0], {0: (-1, -1)}
        for node in order:
            for other, k in next_[node]:
                if k == parent[node][1]:
                    continue
                if other in parent:
                    return 0.0, ["a loop"], order
                parent[other] = (node, k)
                order.append(other)
        v = {i: complex(self.v0) for i in order}
        for _ in range(200):
            current = {i: (complex(self.p[i], self.q[i]) / v[i]).conjugate() for i in order}
            for i in reversed(order[1:]):
                current[parent[i][0]] += current[i]
            change = 0.0
            for i in order[1:]:
                above, k = parent[i]
                new = v[above] - complex(*self.edges[k][2:4]) * current[i]
                change = max(change, abs(new - v[i]))
                v[i] = new
            if change < 1e-11:
                break
        else:
            return 0.0, ["no power flow"], order
        wrong = []
        for i in order:
            if not self.vmin * (1 - TOLERANCE) <= abs(v[i]) <= self.vmax * (1 + TOLERANCE):
                wrong.append(f"node {i} at {abs(v[i]):.5f}")
        for i in order[1:]:
            most = self.edges[parent[i][1]][4]
            if most and abs(current[i]) > most * (1 + TOLERANCE):
                wrong.append(f"edge {parent[i][1]} at {abs(current[i]) / most:.3f} of its rating")
        return sum(self.p[i] for i in order), wrong, order

    def replay(self, fault):
        closed, live, wrong, fed = set(self.initial), False, [], 0.0
        for step, (do, name) in enumerate(fault["actions"], 1):
            if do == "energise":
                live = True
            else:
                k = self.number[name]
                if (k in closed) == (do == "close"):
                    wrong.append(f"step {step}: {name} is so already")
                (closed.add if do == "close" else closed.discard)(k)
            if live:
                fed, bad, order = self.solve(closed)
                wrong += [f"step {step}: {b}" for b in bad]
                if self.number[fault["line"]] in closed:
                    wrong.append(f"step {step}: the faulted line is closed under voltage")
        return fed * self.kw, wrong

    def best(self, fault, found, seconds):
        """(upper bound kW, a better state or None, whether that is proven)"""
        banned = self.number[fault["line"]]
        edges = [k for k in range(len(self.edges)) if k != banned]
        reach = Sets()
        for k in edges:
            reach.join(*self.edges[k][:2])
        total = sum(self.p[i] for i in range(self.n) if reach.find(i) == reach.find(0)) * self.kw
        if found > total - 0.5:
            return total, None, True
        # sums of loads come in steps: what beats the plan beats it by one
        watts = [round(p * self.kw * 1000) for p in self.p]
        step = max(0.5, math.gcd(*watts) / 1000 - 0.5)
        cuts = []
        for _ in range(200):
            value, closed, done = self.program(edges, cuts, (found + step) / self.kw, seconds)
            if closed is None:
                return (found if done else value * self.kw), None, done
            fed, wrong, _ = self.solve(closed)
            if not wrong:
                return fed * self.kw, sorted(closed), True
            cuts.append(closed)
        return total, None, False

    def ways(self, edges, part, room, most):
        """Per node the most power that may arrive: the shortest way there bounds it by its drop."""
        distance = [math.inf] * self.n
        distance[0] = 0.0
        for _ in range(self.n):
            for k in edges:
                a, b = self.edges[k][:2]
                z = self.edges[k][part]
                distance[a], distance[b] = min(distance[a], distance[b] + z), min(distance[b], distance[a] + z)
        return [min(most, room / (2 * d)) if d > 0 else most for d in distance]

    def program(self, edges, cuts, least, seconds):
        """A tree with more load than least that meets the relaxation, None if there is none."""
        import numpy as np
        from scipy.optimize import Bounds, LinearConstraint, milp
        from scipy.sparse import csr_matrix

        arcs = [(k, a, b) for k in edges for a, b in (self.edges[k][:2], self.edges[k][1::-1]) if b != 0]
        m, n = len(arcs), self.n
        # columns: d (arc used), P, Q, L (squared current), F (commodity) per arc, then u, w (squared voltage) per node
        D, P, Q, L, F, U, W = 0, m, 2 * m, 3 * m, 4 * m, 5 * m, 5 * m + n
        columns = 5 * m + 2 * n
        rows, low, high = [], [], []

        def row(entries, lo, hi):
            rows.append(entries)
            low.append(lo)
            high.append(hi)

        big_p, big_q, top = sum(self.p) * 1.5, sum(self.q) * 1.5, self.v0**2
        room = top - self.vmin**2  # more drop than that no way may have
        most_p = self.ways(edges, 2, room, big_p)
        most_q = self.ways(edges, 3, room, big_q)
        into, out = [[] for _ in range(n)], [[] for _ in range(n)]
        for j, (k, a, b) in enumerate(arcs):
            into[b].append(j)
            out[a].append(j)
        inf = math.inf
        for i in range(1, n):
            row([(D + j, 1) for j in into[i]] + [(U + i, -1)], 0, 0)
            row([(F + j, 1) for j in into[i]] + [(F + j, -1) for j in out[i]] + [(U + i, -1)], 0, 0)
            losses = [(L + j, -self.edges[arcs[j][0]][2]) for j in out[i]]
            row([(P + j, 1) for j in into[i]] + [(P + j, -1) for j in out[i]] + losses + [(U + i, -self.p[i])], 0, 0)
            losses = [(L + j, -self.edges[arcs[j][0]][3]) for j in out[i]]
            row([(Q + j, 1) for j in into[i]] + [(Q + j, -1) for j in out[i]] + losses + [(U + i, -self.q[i])], 0, 0)
        parts = (0.03, 0.12, 0.25, 0.45, 0.67)
        for j, (k, a, b) in enumerate(arcs):
            r, x, most = self.edges[k][2:5]
            row([(P + j, 1), (D + j, -most_p[b])], -inf, 0)
            row([(Q + j, 1), (D + j, -most_q[b])], -inf, 0)
            row([(F + j, 1), (D + j, -n)], -inf, 0)
            row([(L + j, 1), (D + j, -(min(most or inf, math.hypot(most_p[b], most_q[b]) / self.vmin) ** 2))], -inf, 0)
            row([(W + b, 1), (W + a, -1), (P + j, 2 * r), (Q + j, 2 * x), (L + j, r * r + x * x), (D + j, room)], -inf, room)
            row([(D + j, 1), (U + a, -1)], -inf, 0)
            for p0, q0 in ((s * most_p[b], t * most_q[b]) for s in parts for t in parts):
                row([(L + j, top), (P + j, -2 * p0), (Q + j, -2 * q0)], -(p0**2) - q0**2, inf)
        for k in edges:
            both = [(D + j, 1) for j, arc in enumerate(arcs) if arc[0] == k]
            row(both, -inf, 1)
        for closed in cuts:
            used = [(D + j, 1) for j, arc in enumerate(arcs) if arc[0] in closed]
            row(used, -inf, len(closed) - 1)
        row([(U + i, self.p[i]) for i in range(n)], least, inf)
        lo, hi = np.zeros(columns), np.full(columns, inf)
        hi[D : D + m] = 1
        hi[U : U + n] = 1
        lo[U] = 1
        hi[W : W + n] = top
        lo[W : W + n] = self.vmin**2  # of a node that is not fed it says nothing
        lo[W] = top
        cost = np.zeros(columns)
        cost[U : U + n] = [-p for p in self.p]
        whole = np.zeros(columns)
        whole[D : D + m] = 1
        r, c, val = [], [], []
        for i, entries in enumerate(rows):
            for column, value in entries:
                r.append(i)
                c.append(column)
                val.append(value)
        matrix = csr_matrix((val, (r, c)), shape=(len(rows), columns))
        answer = milp(cost, constraints=LinearConstraint(matrix, low, high), bounds=Bounds(lo, hi), integrality=whole, options={"time_limit": seconds, "mip_rel_gap": 1e-6})
        if answer.status == 2:
            return 0.0, None, True
        if answer.x is None:
            return (-answer.mip_dual_bound if answer.mip_dual_bound is not None else sum(self.p)), None, False
        return -answer.fun, {arcs[j][0] for j in range(m) if answer.x[D + j] > 0.5}, answer.status == 0


# -- OpenDSS -----------------------------------------------------------------


class Feeder:
    def __init__(self, given):
        from dss import DSS

        DSS.AllowForms = False
        self.dss, self.given = DSS, given
        self.text("clear")
        self.text(f'compile "{given["path"]}"')
        circuit = self.circuit = DSS.ActiveCircuit
        circuit.Solution.MaxControlIterations = 300
        self.regulators = [n for n in circuit.RegControls.AllNames if n.lower() != "none"]
        self.lines, self.coils, self.loads = {}, [], []
        for name in circuit.Lines.AllNames:
            circuit.Lines.Name = name
            e = circuit.ActiveCktElement
            buses, order = self.terminals(e)
            self.lines["line." + name.lower()] = dict(
                buses=buses, pairs=[((buses[0], a), (buses[1], b)) for a, b in zip(*order)], most=circuit.Lines.EmergAmps,
                closed=not e.IsOpen(1, 0) and not e.IsOpen(2, 0),
            )
        for name in circuit.Transformers.AllNames:
            circuit.Transformers.Name = name
            e = circuit.ActiveCktElement
            buses, order = self.terminals(e)
            delta = False
            for w in range(1, circuit.Transformers.NumWindings + 1):
                circuit.Transformers.Wdg = w
                delta = delta or circuit.Transformers.IsDelta
            nodes = [[(bus, k) for k in ks if k != 0] for bus, ks in zip(buses, order)]
            if delta:
                all_ = sum(nodes, [])
                self.coils += [(all_[0], other) for other in all_[1:]]
            else:
                self.coils += [(nodes[0][p], ks[p]) for ks in nodes[1:] for p in range(min(len(nodes[0]), len(ks)))]
            self.coils.append(((buses[0], "bus"), (buses[1], "bus")))
        for name in circuit.Loads.AllNames:
            circuit.Loads.Name = name
            buses, order = self.terminals(circuit.ActiveCktElement)
            nodes, phases, delta = order[0], circuit.Loads.Phases if hasattr(circuit.Loads, "Phases") else circuit.ActiveCktElement.NumPhases, circuit.Loads.IsDelta
            pairs = [(nodes[p], nodes[(p + 1) % len(nodes)] if delta else 0) for p in range(phases)]
            self.loads.append((circuit.Loads.kW, buses[0], pairs))
        circuit.Vsources.First
        self.source = circuit.ActiveCktElement.BusNames[0].split(".")[0].lower()
        self.base = {}
        for name in circuit.AllBusNames:
            circuit.SetActiveBus(name)
            self.base[name.lower()] = circuit.ActiveBus.kVBase * 1000
        self.switches = [name for name in self.lines if name in set(given["switches"])]
        self.cache = {}

    def text(self, command):
        self.dss.Text.Command = command

    @staticmethod
    def terminals(e):
        buses = [b.split(".")[0].lower() for b in e.BusNames]
        order, n = list(e.NodeOrder), e.NumConductors
        return buses, [order[i * n : (i + 1) * n] for i in range(len(buses))]

    def start(self):
        for name in self.regulators:
            self.circuit.RegControls.Name = name
            self.circuit.RegControls.TapNumber = 0
            self.text(f"regcontrol.{name}.enabled=yes")

    def section(self, line):
        """Buses that no switch separates from the fault."""
        sets = Sets()
        for name, l in self.lines.items():
            if name == line or (l["closed"] and name not in self.switches):
                sets.join(*l["buses"])
        for a, b in self.coils:
            if a[1] == "bus":
                sets.join(a[0], b[0])
        root = sets.find(self.lines[line]["buses"][0])
        return {b for b in self.base if sets.find(b) == root}

    def live(self, closed):
        sets, buses, loop = Sets(), Sets(), False
        for a, b in self.coils:
            if a[1] == "bus":
                buses.join(a[0], b[0])
            else:
                sets.join(a, b)
        for name, l in self.lines.items():
            if closed[name]:
                loop = not buses.join(*l["buses"]) or loop
                for a, b in l["pairs"]:
                    sets.join(a, b)
        roots = {sets.find((self.source, k)) for k in (1, 2, 3)}
        return (lambda node: sets.find(node) in roots), loop

    def fed(self, live):
        return sum(kw * sum(all(k == 0 or live((bus, k)) for k in pair) for pair in pairs) / len(pairs) for kw, bus, pairs in self.loads)

    def solve(self, closed):
        """Solves with exactly these lines closed and says what is wrong."""
        live, loop = self.live(closed)
        wrong = ["a loop"] if loop else []
        for name in self.switches:
            for t in (1, 2):
                self.text(f"{'close' if closed[name] else 'open'} {name} {t}")
        solution = self.circuit.Solution
        solution.Solve()
        if not solution.Converged:
            return live, wrong + ["no power flow"]
        volts = self.circuit.AllBusVmag
        limits = self.given["vmin"] * (1 - TOLERANCE), self.given["vmax"] * (1 + TOLERANCE)
        for name, v in zip(self.circuit.AllNodeNames, volts):
            bus, node = name.lower().split(".")
            if live((bus, int(node))) and int(node) <= 3 and not limits[0] <= v / self.base[bus] <= limits[1]:
                wrong.append(f"{name} at {v / self.base[bus]:.5f}")
        for name, l in self.lines.items():
            if not closed[name] or not l["most"]:
                continue
            self.circuit.SetActiveElement(name)
            amps = max(self.circuit.ActiveCktElement.CurrentsMagAng[0::2])
            if any(live(a) for a, _ in l["pairs"]) and amps > l["most"] * (1 + TOLERANCE):
                wrong.append(f"{name} carries {amps:.1f} A of {l['most']:.1f}")
        return live, wrong

    def replay(self, fault):
        section, wrong, fed, on = self.section(fault["line"]), [], 0.0, False
        closed = {name: l["closed"] for name, l in self.lines.items()}
        self.start()
        for step, (do, name) in enumerate(fault["actions"], 1):
            if do == "energise":
                on = True
            elif do == "neutral":
                self.text(f"{name}.enabled=no")
                self.circuit.RegControls.Name = name.split(".", 1)[1]
                self.circuit.RegControls.TapNumber = 0
            else:
                if closed[name] == (do == "close"):
                    wrong.append(f"step {step}: {name} is so already")
                closed[name] = do == "close"
            if not on:
                continue
            live, bad = self.solve(closed)
            wrong += [f"step {step}: {b}" for b in bad]
            if any(live((bus, k)) for bus in section for k in (1, 2, 3)):
                wrong.append(f"step {step}: the faulted section is live")
            fed = self.fed(live)
        return fed, wrong

    def best(self, fault, found, _):
        section = frozenset(self.section(fault["line"]))
        if section not in self.cache:
            self.cache[section] = self.enumerate(section)
        best = self.cache[section]
        return best, (None if found > best - 0.5 else ["another state"]), True

    def enumerate(self, section):
        if self.source in section:
            return 0.0
        free = [name for name in self.switches if not section & set(self.lines[name]["buses"])]
        states = []
        for mask in range(1 << len(free)):
            closed = {name: l["closed"] and name not in self.switches for name, l in self.lines.items()}
            for b, name in enumerate(free):
                closed[name] = bool(mask >> b & 1)
            live, loop = self.live(closed)
            if not loop:
                states.append((self.fed(live), mask, closed))
        for fed, _, closed in sorted(states, key=lambda s: (-s[0], s[1])):
            self.start()
            if not self.solve(closed)[1]:
                return fed
        return 0.0


def main(given, out):
    result = {}
    for name, network in json.load(open(given)).items():
        judge = Feeder(network) if network.get("path") else Graph(network)
        result[name] = []
        for fault in network["faults"]:
            fed, wrong = judge.replay(fault)
            bound, better, proven = judge.best(fault, fault["kw"], network["seconds"])
            result[name].append({"fed": fed, "wrong": wrong, "best": bound, "better": better is not None, "proven": proven})
    json.dump(result, open(out, "w"))


main(sys.argv[1], sys.argv[2])
