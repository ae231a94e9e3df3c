// Package epanet computes the hydraulics of a water network with EPANET, the
// field's own engine, in a process apart: a worker of polity-native, sandboxed and
// spoken to over pipes, so that a crash of the native library costs nothing.
//
// [Start] starts a worker for one network file; [Worker] is the low way to it.
// [Simulate] runs a whole [Scenario] and, when the worker dies half-way, starts
// another and goes on where the first one stopped. [Serve] is the worker's side.
//
// A run whose columns ask for [Quality] computes it beside the hydraulics, as the
// file's options say: age, a trace, a chemical.
//
// Numbers pass as EPANET has them, in the units of the network file; package
// network says which.
package epanet

// Object is what a property belongs to.
type Object uint8

// Objects.
const (
	Node   Object = iota // a junction, reservoir or tank
	Link                 // a pipe, pump or valve
	Time                 // a time parameter, in whole seconds; the index is not used
	Option               // an analysis option; the index is not used
)

// Properties of nodes, links and runs, numbered as in epanet2_enums.h of EPANET 2.3.
const (
	BaseDemand = 1  // EN_BASEDEMAND, of the last category of a node
	Emitter    = 3  // EN_EMITTER, flow units / (pressure unit ^ exponent)
	TankLevel  = 8  // EN_TANKLEVEL: setting it also moves the present level
	Demand     = 9  // EN_DEMAND, what leaves the network at a node, emitters included
	Head       = 10 // EN_HEAD
	Pressure   = 11 // EN_PRESSURE
	Quality    = 12 // EN_QUALITY: hours, per cent, or the file's mass unit per litre
	SourceQual = 5  // EN_SOURCEQUAL: what a source adds
	SourceType = 7  // EN_SOURCETYPE: 0 concentration, 1 mass, 2 setpoint, 3 flow paced

	Roughness  = 2  // EN_ROUGHNESS
	InitStatus = 4  // EN_INITSTATUS: 0 closed, 1 open
	Flow       = 8  // EN_FLOW
	Velocity   = 9  // EN_VELOCITY
	Headloss   = 10 // EN_HEADLOSS
	Status     = 11 // EN_STATUS: 0 closed, 1 open
	Setting    = 12 // EN_SETTING
	Energy     = 13 // EN_ENERGY, kW

	Duration      = 0 // EN_DURATION
	HydraulicStep = 1 // EN_HYDSTEP
	PatternStep   = 3 // EN_PATTERNSTEP
	PatternStart  = 4 // EN_PATTERNSTART
	ReportStep    = 5 // EN_REPORTSTEP

	Trials     = 0 // EN_TRIALS
	Accuracy   = 1 // EN_ACCURACY
	DemandMult = 4 // EN_DEMANDMULT
)

// SettingValue is one value to set before a run.
type SettingValue struct {
	Object   Object
	Index    int // from 0, in the order of [Layout]
	Property int
	Value    float64
}

// Layout is what the worker says about an opened network.
type Layout struct {
	Version int      // of the library: 20300 is 2.3.0
	Units   int      // EN_FlowUnits of the file
	Nodes   []string // names in EPANET's order
	Links   []string
}

// Column asks for a property of some objects, or of all when Indices is empty.
type Column struct {
	Object   Object
	Property int
	Indices  []int // from 0
}

func (c Column) quality() bool { return c.Object == Node && c.Property == Quality }

// Drive sets a property of some objects over time: row r holds from Start +
// r·Step until the next row. The last row stays.
type Drive struct {
	Object      Object
	Property    int
	Indices     []int // from 0
	Start, Step int64 // seconds of the run
	Rows        [][]float64
}

// Period is one hydraulic period's result.
type Period struct {
	Seconds int64
	// Warning is EPANET's: 0 none, 1 not balanced, 2 unstable, 3 part of the network
	// cut off, 4 a pump beyond its curve, 5 a valve beyond its means, 6 negative
	// pressures.
	Warning int
	Values  [][]float64 // by column, then object
}
