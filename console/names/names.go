// Package names gives the numbers of camera messages stable words: as keys of
// texts, in addresses, in CSV and in the JSON of pages.
package names

import "polity/camera/wire"

// Classes, Metrics, Events, Conditions, Directions and Shields list the words by
// number. Shields are by bit.
var (
	Classes = map[wire.Class]string{
		wire.AnyClass: "thing", wire.Person: "person", wire.Bicycle: "bicycle", wire.Vehicle: "vehicle",
	}
	Metrics = map[wire.Metric]string{
		wire.Occupancy: "occupancy", wire.OccupancyMax: "occupancy-max", wire.Crossings: "crossings", wire.Density: "density",
		wire.Dwell: "dwell", wire.Speed: "speed", wire.Queue: "queue", wire.QueueMax: "queue-max",
	}
	Events = map[wire.EventKind]string{
		wire.Crowding: "crowding", wire.WrongWay: "wrong-way", wire.Intrusion: "intrusion", wire.Stopped: "stopped",
		wire.ObjectLeft: "object-left", wire.CameraMoved: "camera-moved", wire.CameraBlind: "camera-blind",
		wire.CameraSilent: "camera-silent", wire.EntryEnded: "entry-ended", wire.ObservingLess: "observing-less",
	}
	Conditions = map[wire.Condition]string{
		wire.Starting: "starting", wire.Live: "live", wire.NoPicture: "no-picture", wire.WrongPassword: "wrong-password",
		wire.BadStream: "bad-stream", wire.NoDetector: "no-detector", wire.Refused: "refused", wire.Ended: "ended",
	}
	Directions = map[wire.Direction]string{wire.NoDirection: "", wire.ToRight: "right", wire.ToLeft: "left"}
	Shields    = map[wire.Shield]string{
		wire.NoDump: "no-dump", wire.SwapSafe: "swap-safe", wire.Seccomp: "seccomp", wire.Landlock: "landlock",
		wire.NetworkApart: "network-apart", wire.MemoryBounded: "memory-bounded",
	}
)
