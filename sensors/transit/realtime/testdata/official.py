"""Writes official.pb with the bindings that MobilityData publishes
(PyPI gtfs-realtime-bindings 3.0.0), so that the decoder is held to them:
python3 official.py > official.pb"""
import sys
from google.transit import gtfs_realtime_pb2 as g

m = g.FeedMessage()
m.header.gtfs_realtime_version = "2.0"
m.header.timestamp = 1796032800
e = m.entity.add(id="u1")
u = e.trip_update
u.trip.trip_id, u.trip.start_date, u.trip.route_id, u.trip.direction_id = "t1", "20261130", "R1", 1
u.vehicle.id, u.vehicle.label, u.vehicle.license_plate = "vehicle-secret", "label-secret", "PLATE-123"
u.timestamp, u.delay = 1796032790, -30
s = u.stop_time_update.add(stop_sequence=3, stop_id="s2")
s.arrival.delay = 300
s.departure.time = 1796033100
s.departure_occupancy_status = g.VehiclePosition.FULL
u.stop_time_update.add(stop_id="s3", schedule_relationship=g.TripUpdate.StopTimeUpdate.SKIPPED)
u.stop_time_update.add(stop_sequence=9, schedule_relationship=g.TripUpdate.StopTimeUpdate.NO_DATA)
e = m.entity.add(id="v1")
v = e.vehicle
v.trip.trip_id, v.trip.start_time, v.trip.schedule_relationship = "t1", "08:00:00", g.TripDescriptor.ADDED
v.vehicle.id, v.vehicle.label, v.vehicle.license_plate = "vehicle-secret", "label-secret", "PLATE-123"
v.position.latitude, v.position.longitude, v.position.bearing, v.position.speed, v.position.odometer = 60.17, 24.94, 90, 7.5, 1e6
v.current_stop_sequence, v.stop_id, v.timestamp = 3, "s2", 1796032795
v.current_status = g.VehiclePosition.STOPPED_AT
v.occupancy_status, v.occupancy_percentage = g.VehiclePosition.FULL, 93
v.multi_carriage_details.add(id="carriage-secret", label="label-secret", occupancy_percentage=77)
m.entity.add(id="gone", is_deleted=True).vehicle.position.latitude = 1
m.entity[-1].vehicle.position.longitude = 1
a = m.entity.add(id="a1").alert
a.active_period.add(start=1796032000, end=1796036000)
i = a.informed_entity.add(route_id="R1", direction_id=0)
i = a.informed_entity.add(stop_id="s3", route_type=0)
i.trip.trip_id = "t2"
a.cause, a.effect, a.severity_level = g.Alert.CONSTRUCTION, g.Alert.DETOUR, g.Alert.WARNING
a.header_text.translation.add(text="Works on the bridge", language="en")
a.header_text.translation.add(text="Siltatyö", language="fi")
a.description_text.translation.add(text="Line 1 goes by the park.")
a.url.translation.add(text="https://works.example/1")
a = m.entity.add(id="a2").alert
a.active_period.add(start=1)
a.communication_period.add(start=1796032000, end=1796036000)
a.impact_period.add(start=1796033000)
a.cause = g.Alert.SPECIAL_EVENT
a.informed_entity.add(agency_id="A")
a.header_text.translation.add(text="Marathon")
a.description_text.translation.add(text="Marathon")
sys.stdout.buffer.write(m.SerializeToString())
