

2.0v
vehicle"k

t020261130
š™pB33ÇAB)
vehicle-secretlabel-secret	PLATE-123Z"
vehicle-secret-2label-secret-2J
trip_update;

t020261130)
vehicle-secretlabel-secret	PLATE-123