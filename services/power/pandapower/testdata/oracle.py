"""Writes small.json, a network with every element that is read, with pandapower's
own solution in it as golden values: `pip install pandapower==3.5.6 && python oracle.py`."""
import json, pathlib
import pandapower as pp

net = pp.create_empty_network(name="small", f_hz=50.0)
b = [pp.create_bus(net, vn_kv=kv, name=f"Bus {i}") for i, kv in enumerate([110, 20, 20, 20, 20, 0.4, 10, 20, 20])]
pp.create_ext_grid(net, b[0], vm_pu=1.02, va_degree=5)
pp.create_transformer_from_parameters(net, b[0], b[1], 40, 110, 20, 0.34, 16.2, 18, 0.05, shift_degree=150, tap_side="hv", tap_neutral=0,
                                      tap_min=-9, tap_max=9, tap_step_percent=1.5, tap_pos=-2, tap_changer_type="Ratio")
pp.create_transformer_from_parameters(net, b[3], b[5], 0.63, 20, 0.4, 1.2, 6, 1.18, 0.19, shift_degree=150, tap_side="lv", tap_neutral=0,
                                      tap_min=-2, tap_max=2, tap_step_percent=2.5, tap_pos=1, tap_changer_type="Ratio", parallel=2)
line = dict(r_ohm_per_km=0.3, x_ohm_per_km=0.35, c_nf_per_km=12, max_i_ka=0.3)
pp.create_line_from_parameters(net, b[1], b[2], 4, name="A", **line)
pp.create_line_from_parameters(net, b[2], b[3], 3, name="B", parallel=2, **line)
pp.create_line_from_parameters(net, b[3], b[4], 5, name="C", **line)
pp.create_line_from_parameters(net, b[1], b[4], 6, name="tie", **line)
pp.create_line_from_parameters(net, b[4], b[7], 2, name="D", **line)
pp.create_line_from_parameters(net, b[2], b[7], 2, name="off", in_service=False, **line)
pp.create_switch(net, b[4], 3, et="l", closed=False)
pp.create_switch(net, b[1], 0, et="l", closed=True)
pp.create_switch(net, b[7], b[8], et="b", closed=True)
pp.create_impedance(net, b[1], b[2], 0.08, 0.2, sn_mva=10)
pp.create_transformer3w_from_parameters(net, b[1], b[2], b[6], 20, 20, 10, 25, 15, 10, 10.4, 9, 9.5, 0.3, 0.31, 0.35, 20, 0.1, in_service=False)
pp.create_load(net, b[2], 2, 0.8)
pp.create_load(net, b[3], 1.5, 0.6, const_z_p_percent=20, const_i_p_percent=30, const_z_q_percent=40, const_i_q_percent=10)
pp.create_load(net, b[5], 0.5, 0.1, scaling=1.2)
pp.create_load(net, b[8], 0.7, 0.2)
pp.create_load(net, b[4], 9, 9, in_service=False)
pp.create_sgen(net, b[4], 0.9, 0.1, type="PV")
pp.create_gen(net, b[7], 0.8, vm_pu=1.01)
pp.create_storage(net, b[8], 0.3, 1, q_mvar=0.05)
pp.create_shunt(net, b[2], q_mvar=-0.6, p_mw=0.01, step=2, max_step=3)
pp.create_ward(net, b[4], 0.2, 0.1, 0.3, 0.05)
pp.create_motor(net, b[5], 0.1, 0.9, loading_percent=80, efficiency_percent=92)
pp.runpp(net, tolerance_mva=1e-11, calculate_voltage_angles=True)
path = pathlib.Path(__file__).parent / "small.json"
pp.to_json(net, path)
file = json.loads(path.read_text())
content = file["_object"]
for name in list(content):
    if name == "std_types" or (name.startswith("res_") and name not in ("res_bus", "res_line", "res_trafo")):
        del content[name]
    elif isinstance(content[name], dict) and '"data":[]' in str(content[name].get("_object")):
        del content[name]
path.write_text(json.dumps(file, indent=1) + "\n")
