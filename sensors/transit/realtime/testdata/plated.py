"""Writes plated.pb, a position with everything about the vehicle that a message can
hold (PyPI gtfs-realtime-bindings 3.0.0): python3 plated.py > plated.pb"""
import sys
from google.transit import gtfs_realtime_pb2 as g

m = g.FeedMessage()
m.header.gtfs_realtime_version = "2.0"
for kind in ("vehicle", "trip_update"):
    x = getattr(m.entity.add(id=kind), kind)
    x.trip.trip_id, x.trip.start_date = "t0", "20261130"
    x.vehicle.id, x.vehicle.label, x.vehicle.license_plate = "vehicle-secret", "label-secret", "PLATE-123"
v = m.entity[0].vehicle
v.position.latitude, v.position.longitude = 60.15, 24.9
v.multi_carriage_details.add(id="vehicle-secret-2", label="label-secret-2")
sys.stdout.buffer.write(m.SerializeToString())
