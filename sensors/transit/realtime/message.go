package realtime

import "time"

// Message is one FeedMessage.
type Message struct {
	Version  string
	At       time.Time // when it was made, by its own clock; zero: not said
	Trips    []TripUpdate
	Vehicles []Position
	Alerts   []Alert
	Skipped  int // entities of kinds that are passed over
}

// Trip names a run of the timetable.
type Trip struct {
	ID        string
	Route     string
	Date      string // YYYYMMDD, empty: not said
	Start     string // HH:MM:SS of runs by headways
	Direction int    // 0, 1, or -1
	Schedule  Schedule
}

// Schedule is TripDescriptor.ScheduleRelationship.
type Schedule int32

// What may become of a run.
const (
	Scheduled   Schedule = 0
	Added       Schedule = 1
	Unscheduled Schedule = 2
	Canceled    Schedule = 3
	Replacement Schedule = 5
	Duplicated  Schedule = 6
	Deleted     Schedule = 7
	New         Schedule = 8
)

// TripUpdate is what is expected of a run.
type TripUpdate struct {
	Trip  Trip
	Calls []CallUpdate
	At    time.Time     // zero: not said
	Delay time.Duration // of the whole run; counts where no call says more
	Has   bool          // Delay is given
}

// CallUpdate is what is expected at a stop.
type CallUpdate struct {
	Sequence           uint32
	BySequence         bool // Sequence is given
	Stop               string
	Arrival, Departure Event
	Relation           Relation
}

// Relation is StopTimeUpdate.ScheduleRelationship.
type Relation int32

// What may become of a call.
const (
	AsPlanned  Relation = 0
	Skipped    Relation = 1
	NoData     Relation = 2
	WithoutRun Relation = 3 // UNSCHEDULED
)

// Event is an arrival or departure.
type Event struct {
	Time     time.Time // zero: not said
	Delay    time.Duration
	HasDelay bool
}

// Given says whether there is anything.
func (e Event) Given() bool { return e.HasDelay || !e.Time.IsZero() }

// Position is where a vehicle is.
type Position struct {
	Trip       Trip
	Lon, Lat   float64 // degrees
	Bearing    float64 // degrees clockwise from north; -1: not said
	Speed      float64 // m/s; -1: not said
	Sequence   uint32
	BySequence bool
	Stop       string // that it is at or makes for
	Status     Status
	At         time.Time // when it was there; zero: not said
}

// Status is VehiclePosition.VehicleStopStatus.
type Status int32

// Where a vehicle is in relation to its stop.
const (
	Incoming Status = 0
	AtStop   Status = 1
	OnTheWay Status = 2
)

// Alert is news about service.
type Alert struct {
	ID       string
	Periods  []Period // when it is to be shown: communication_period, or the older active_period; none: as long as it is told
	Impact   []Period // when service is affected; none: not said
	About    []Selector
	Cause    int32 // Alert.Cause; 0: not said
	Effect   int32 // Alert.Effect; 0: not said
	Severity int32 // 1 unknown, 2 info, 3 warning, 4 severe; 0: not said
	Title    []Text
	Words    []Text
	Address  []Text
}

// Period is a time; the zero times mean no bound.
type Period struct{ From, Until time.Time }

// Selector is what an alert is about; every field that is set narrows it.
type Selector struct {
	Agency, Route, Stop string
	Kind                int // route_type; -1: not said
	Direction           int // 0, 1, or -1
	Trip                Trip
	OfTrip              bool
}

// Text is one in a language; empty: not said which.
type Text struct{ Text, Language string }
