"""Runs one of bench-waste's peers on one instance and writes its solution.

    peers.py pyvrp|hgs|ortools INSTANCE CPU-SECONDS SEED SOLUTION

One thread, seconds of this process's CPU time. Exit status 3: the peer does not
take this kind of instance."""
import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
import sys
import time


def write(path, routes):
    with open(path, "w", encoding="ascii") as out:
        for number, route in enumerate((r for r in routes if r), 1):
            print(f"Route #{number}:", *route, file=out)


def kind(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("TYPE"):
                return line.split(":")[1].strip()
    return ""


class CpuLimit:
    """PyVRP's stopping criterion, by CPU time from the process's start."""

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self, best_cost):
        return time.process_time() > self.seconds


def pyvrp(path, seconds, seed):
    import pyvrp
    from pyvrp import read

    rounding = "dimacs" if kind(path) == "MTVRPTWR" else "round"
    data = read(path, round_func=rounding)
    base = time.process_time()
    result = pyvrp.solve(data, stop=CpuLimit(base + seconds), seed=seed, display=False)
    if not result.is_feasible():
        return None
    routes = []
    for route in result.best.routes():
        visits = []
        for activity in list(route)[1:-1]:
            text = str(activity)
            visits.append(0 if not text.startswith("C") else data.num_depots + activity.idx)
        routes.append(visits)
    return routes


def numbers(path):
    """The CVRP of a VRPLIB file: coordinates, demands, capacity."""
    import vrplib

    instance = vrplib.read_instance(path)
    return instance["node_coord"], instance["demand"], int(instance["capacity"])


def hgs(path, seconds, seed):
    import hygese

    coordinates, demands, capacity = numbers(path)
    parameters = hygese.AlgorithmParameters(timeLimit=float(seconds), seed=seed, nbIter=2**30)
    shift = coordinates.min(axis=0)
    data = {
        "x_coordinates": coordinates[:, 0] - min(0, shift[0]),
        "y_coordinates": coordinates[:, 1] - min(0, shift[1]),
        "demands": demands,
        "vehicle_capacity": capacity,
        "depot": 0,
    }
    return hygese.Solver(parameters, verbose=False).solve_cvrp(data, rounding=True).routes


def ortools(path, seconds, seed):
    import numpy
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    coordinates, demands, capacity = numbers(path)
    size = len(demands)
    delta = coordinates[:, None, :] - coordinates[None, :, :]
    distance = numpy.rint(numpy.sqrt((delta**2).sum(axis=2))).astype(int).tolist()
    vehicles = int(-(-demands.sum() // capacity) * 1.2) + 3
    manager = pywrapcp.RoutingIndexManager(size, vehicles, 0)
    routing = pywrapcp.RoutingModel(manager)
    transit = routing.RegisterTransitMatrix(distance)
    routing.SetArcCostEvaluatorOfAllVehicles(transit)
    load = routing.RegisterUnaryTransitVector([int(d) for d in demands])
    routing.AddDimensionWithVehicleCapacity(load, 0, [capacity] * vehicles, True, "load")
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.SAVINGS
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.seconds = 40 * int(seconds)
    routing.solver().ReSeed(seed)
    end = time.process_time() + seconds
    routing.AddSearchMonitor(routing.solver().CustomLimit(lambda: time.process_time() > end))
    solution = routing.SolveWithParameters(parameters)
    if solution is None:
        return None
    routes = []
    for vehicle in range(vehicles):
        index, route = solution.Value(routing.NextVar(routing.Start(vehicle))), []
        while not routing.IsEnd(index):
            route.append(manager.IndexToNode(index))
            index = solution.Value(routing.NextVar(index))
        routes.append(route)
    return routes


def main():
    solver, path, seconds, seed, out = sys.argv[1:]
    if solver != "pyvrp" and kind(path) != "CVRP":
        sys.exit(3)
    routes = {"pyvrp": pyvrp, "hgs": hgs, "ortools": ortools}[solver](path, float(seconds), int(seed))
    if routes is None:
        sys.exit("no feasible solution")
    write(out, routes)


if __name__ == "__main__":
    main()
