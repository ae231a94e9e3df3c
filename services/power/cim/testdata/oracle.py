"""What pandapower makes of small_EQ.xml, small_SSH.xml and small_TP.xml, printed as JSON.

    oracle.py > small.golden.json      (needs pandapower and lxml)"""
import json
import pathlib

import pandapower as pp
from pandapower.converter.cim.cim2pp.from_cim import from_cim

here = pathlib.Path(__file__).parent
net = from_cim(file_list=[str(here / f"small_{p}.xml") for p in ("EQ", "SSH", "TP")], cgmes_version="2.4.15")
pp.runpp(net, tolerance_mva=1e-10)
bus = {name: [float(net.res_bus.vm_pu[i]), float(net.res_bus.va_degree[i])] for i, name in net.bus.name.items()}
print(json.dumps({"pandapower": pp.__version__, "bus": bus, "loss_mw": float(net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum())}, indent=1))
