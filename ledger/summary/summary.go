package summary

import (
	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/entry"
)

// Format is the version of the summary that this package writes.
const Format = "polity-summary/1"

// Bounds of what is listed one by one; counts go on.
const (
	maxNewest   = 100
	maxDays     = 400    // of looks
	maxReleases = 20_000 // the oldest leave
	maxKeyDays  = 1000   // of a body and class
	maxCameras  = 20_000
)

// Summary is what a log says up to one checkpoint. Members rise by name.
type Summary struct {
	Alarms         Alarms           `json:"alarms"`
	Audits         Audits           `json:"audits"`
	Begun          canonical.Time   `json:"begun,omitempty"` // valid_from of the first roster
	Cameras        []Camera         `json:"cameras"`
	Checkpoint     Checkpoint       `json:"checkpoint"`
	Entries        map[string]int64 `json:"entries"` // by type
	EpochKeys      []EpochKeys      `json:"epoch_keys"`
	Format         string           `json:"format"`
	Holds          Holds            `json:"holds"`
	Looks          Looks            `json:"looks"`
	Months         []Month          `json:"months"`
	Policies       Policies         `json:"policies"`
	Releases       []Release        `json:"releases"`
	ReleasesBefore int64            `json:"releases_before"`
	Strange        []Strange        `json:"strange"`
	StrangeNumber  int64            `json:"strange_number"`
}

// Checkpoint is what was counted up to.
type Checkpoint struct {
	Origin    string         `json:"origin"`
	Root      canonical.Hash `json:"root"`
	Size      int64          `json:"size"`
	Time      canonical.Time `json:"time"`
	Witnesses []city.Slug    `json:"witnesses"` // that cosigned it
}

// Alarms are what everybody is to know of.
type Alarms struct {
	Counts map[string]int64 `json:"counts"` // by word
	Newest []Alarm          `json:"newest"`
}

// Alarm is one entry.
type Alarm struct {
	At     canonical.Time `json:"at"`
	Body   city.Slug      `json:"body,omitempty"`
	Camera city.Slug      `json:"camera,omitempty"`
	Class  city.Slug      `json:"class,omitempty"`
	Edge   city.Slug      `json:"edge,omitempty"`
	Index  int64          `json:"index"`
	What   entry.Word     `json:"what"`
}

// Audits are those of both bodies.
type Audits struct {
	Bodies []Audited `json:"bodies"`
	Newest []Audit   `json:"newest"`
}

// Audited is what a body checked so far.
type Audited struct {
	Body    city.Slug `json:"body"`
	Checked int64     `json:"checked"`
	Entries int64     `json:"entries"`
	Wrong   int64     `json:"wrong"`
}

// Audit is one entry.
type Audit struct {
	Body    city.Slug      `json:"body"`
	Checked int64          `json:"checked"`
	Index   int64          `json:"index"`
	Week    canonical.Week `json:"week"`
	Wrong   int64          `json:"wrong"`
}

// Camera is the newest registration of one.
type Camera struct {
	Camera       city.Slug      `json:"camera"`
	Class        city.Slug      `json:"class,omitempty"`
	FootageHours int64          `json:"footage_hours"`
	From         canonical.Time `json:"from"`
	Index        int64          `json:"index"`
	State        entry.Word     `json:"state"`
	Until        canonical.Time `json:"until"`
}

// EpochKeys are those of a body and class.
type EpochKeys struct {
	Ahead     int64         `json:"ahead"` // days in a row from today on
	Body      city.Slug     `json:"body"`
	Class     city.Slug     `json:"class"`
	Destroyed int64         `json:"destroyed"`
	First     canonical.Day `json:"first,omitempty"` // that no device said to have destroyed
	Kept      int64         `json:"kept"`            // before today, not destroyed
	Last      canonical.Day `json:"last,omitempty"`  // of those ahead
	Published int64         `json:"published"`
}

// Holds are shares that outlast their retention.
type Holds struct {
	Newest []Hold `json:"newest"`
	Number int64  `json:"number"`
}

// Hold is one entry.
type Hold struct {
	At           canonical.Time `json:"at"`
	Body         city.Slug      `json:"body"`
	CamerasCount int64          `json:"cameras_count"`
	Index        int64          `json:"index"`
	Reason       entry.Word     `json:"reason"`
	Until        canonical.Day  `json:"until"`
}

// Looks are how often somebody looked.
type Looks struct {
	Days   []LooksDay   `json:"days"`
	Months []LooksMonth `json:"months"`
}

// LooksDay is a day that was closed.
type LooksDay struct {
	Day   canonical.Day `json:"day"`
	Index int64         `json:"index"`
	Looks int64         `json:"looks"`
}

// LooksMonth is how many of a month's days were closed, with their looks.
type LooksMonth struct {
	Days  int64  `json:"days"`
	Looks int64  `json:"looks"`
	Month string `json:"month"` // 2026-12
}

// Month is what was decided and opened in one.
type Month struct {
	Approved int64     `json:"approved"` // answers of one body each
	Month    string    `json:"month"`
	Opened   []Opened  `json:"opened"`
	Refused  []Refused `json:"refused"`
}

// Opened counts openings of an office for a purpose.
type Opened struct {
	Body    city.Slug  `json:"body"`
	Number  int64      `json:"number"`
	Purpose entry.Word `json:"purpose"`
}

// Refused counts refusals of a body for a reason.
type Refused struct {
	Body   city.Slug  `json:"body"`
	Number int64      `json:"number"`
	Reason entry.Word `json:"reason"`
}

// Policies are changes to who may do what.
type Policies struct {
	Newest []Policy `json:"newest"`
	Number int64    `json:"number"`
}

// Policy is one entry.
type Policy struct {
	At    canonical.Time `json:"at"`
	Index int64          `json:"index"`
	N     int64          `json:"n"`
	What  entry.Word     `json:"what"`
}

// The states of a release.
const (
	Waiting   entry.Word = "waiting"
	Refusal   entry.Word = "refused"
	Expired   entry.Word = "expired"
	Approved  entry.Word = "approved"
	WasOpened entry.Word = "opened"
)

// Release is a request and what became of it.
type Release struct {
	Answers         []Answer       `json:"answers"`
	Body            city.Slug      `json:"body"`
	CamerasCount    int64          `json:"cameras_count"`
	Details         *Details       `json:"details,omitempty"`
	DetailsPublicOn canonical.Day  `json:"details_public_on"`
	Expires         canonical.Time `json:"expires"`
	Extensions      int64          `json:"extensions"`
	HoursCount      int64          `json:"hours_count"`
	Index           int64          `json:"index"`
	Opened          *Opening       `json:"opened,omitempty"`
	Overdue         bool           `json:"overdue"`
	Purpose         entry.Word     `json:"purpose"`
	State           entry.Word     `json:"state"`
	Token           canonical.Hash `json:"token"`
}

// Answer is a body's.
type Answer struct {
	At     canonical.Time `json:"at"`
	Body   city.Slug      `json:"body"`
	Index  int64          `json:"index"`
	Reason entry.Word     `json:"reason,omitempty"`
	What   entry.Word     `json:"what"` // approved or refused
}

// Opening is when footage was opened first.
type Opening struct {
	At       canonical.Time `json:"at"`
	Index    int64          `json:"index"`
	Segments int64          `json:"segments"`
}

// Details are those of a request, published, which open its commitments.
type Details struct {
	Cameras []city.Slug     `json:"cameras"`
	Case    entry.Reference `json:"case"`
	From    canonical.Time  `json:"from"`
	Index   int64           `json:"index"`
	Order   entry.Reference `json:"order"`
	To      canonical.Time  `json:"to"`
}

// Strange is an entry that contradicts one before it.
type Strange struct {
	Index int64      `json:"index"`
	What  entry.Word `json:"what"`
}

// Marshal is the summary in the one form that it has.
func (s *Summary) Marshal() ([]byte, error) { return canonical.Encode(s) }
