package entry

import (
	"polity/city"
	"polity/ledger/canonical"
)

// Type names a type of entry.
type Type string

// Short names of what members are made of.
type (
	hash  = canonical.Hash
	bytes = canonical.Bytes
	when  = canonical.Time
	day   = canonical.Day
	week  = canonical.Week
)

// Word is one of a list that stands in the member's rule.
type Word string

// Reference is that of an order or a case, such as HEL 2026-012345.
type Reference string

// Version is that of a program, such as v1.2.3.
type Version string

// Entry is a pointer to one of the types below.
type Entry interface{ of() Type }

// Signed is an entry that a device signed, or a recorder.
type Signed interface {
	Entry
	// By is whose device it was; for segments both are empty.
	By() (owner, device city.Slug)
	sig() *bytes
}

// Registration is a camera that was registered or withdrawn.
type Registration struct {
	At           when      `json:"at"`
	Camera       city.Slug `json:"camera" is:"name camera"`
	Class        city.Slug `json:"class,omitempty" is:"name class"`
	Edge         city.Slug `json:"edge" is:"name edge"`
	Entry        hash      `json:"entry"` // of the register's file
	FootageHours int64     `json:"footage_hours" is:"number 0 720"`
	From         when      `json:"from"`
	Recorder     bytes     `json:"recorder,omitempty" is:"bytes 32"` // signs the camera's segments
	State        Word      `json:"state" is:"word registered withdrawn"`
	Type         Type      `json:"type"`
	Until        when      `json:"until"`
	V            int       `json:"v"`
}

// Decision is what a service proposed or did.
type Decision struct {
	At         when      `json:"at"`
	By         Word      `json:"by" is:"word person program"`
	Commitment hash      `json:"commitment"`
	Outcome    Word      `json:"outcome" is:"word proposed accepted refused applied reverted"`
	Service    city.Slug `json:"service" is:"name service"`
	Type       Type      `json:"type"`
	V          int       `json:"v"`
}

// Policy is a line of the book of changes to who may do what.
type Policy struct {
	At   when  `json:"at"`
	Line hash  `json:"line"`
	N    int64 `json:"n" is:"number 1 1073741824"`
	New  hash  `json:"new"`
	Old  hash  `json:"old"`
	Type Type  `json:"type"`
	V    int   `json:"v"`
	What Word  `json:"what" is:"word begun proposed approved refused withdrawn reset"`
}

// Roster is a roster's file.
type Roster struct {
	Roster  bytes `json:"roster" is:"bytes 1 32768"`
	Type    Type  `json:"type"`
	V       int   `json:"v"`
	Version int64 `json:"version" is:"number 1 1048576"`
}

// EpochKey is the public half of one body's key for a day and a class.
type EpochKey struct {
	Body      city.Slug `json:"body" is:"word court ombudsman"`
	Class     city.Slug `json:"class" is:"name class"`
	Day       day       `json:"day"`
	Device    city.Slug `json:"device" is:"name device"`
	Kem       Word      `json:"kem" is:"word MLKEM768-X25519"`
	Key       bytes     `json:"key" is:"bytes 1216"`
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
}

// ID is the key's, as in formats/segment.md.
func (e *EpochKey) ID() canonical.Hash {
	return canonical.Sum("epoch-key", []byte(e.Body), []byte(e.Class), []byte(e.Day), e.Key)
}

// EpochKeyDestroyed says that a device destroyed its private half.
type EpochKeyDestroyed struct {
	At        when      `json:"at"`
	Body      city.Slug `json:"body" is:"word court ombudsman"`
	Class     city.Slug `json:"class" is:"name class"`
	Day       day       `json:"day"`
	Device    city.Slug `json:"device" is:"name device"`
	KeyID     hash      `json:"key_id"`
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
	Why       Word      `json:"why" is:"word due lost withdrawn"`
}

// Segments is an hour of a camera's sealed segments.
type Segments struct {
	Camera    city.Slug `json:"camera" is:"name camera"`
	Count     int64     `json:"count" is:"number 0 1000000"`
	Domain    string    `json:"domain" is:"domain"`
	Gaps      int64     `json:"gaps" is:"number 0 1000000"`
	Hour      when      `json:"hour"`
	Recorder  bytes     `json:"recorder" is:"bytes 32"`
	Root      hash      `json:"root"`
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
}

// Commitments are salted hashes, which nobody can try values against.
type Commitments struct {
	Cameras hash `json:"cameras"`
	Case    hash `json:"case"`
	Order   hash `json:"order"`
	Times   hash `json:"times"`
}

// ReleaseRequested asks for footage.
type ReleaseRequested struct {
	Body            city.Slug   `json:"body" is:"name office"`
	CamerasCount    int64       `json:"cameras_count" is:"number 1 10000"`
	CaseKey         bytes       `json:"case_key" is:"bytes 1216"`
	Cases           int64       `json:"cases" is:"number 1 1"`
	Commitments     Commitments `json:"commitments"`
	DetailsPublicOn day         `json:"details_public_on"`
	Device          city.Slug   `json:"device" is:"name device"`
	Expires         when        `json:"expires"`
	HoursCount      int64       `json:"hours_count" is:"number 1 100000"`
	ID              hash        `json:"id"`
	Purpose         Word        `json:"purpose" is:"word accident complaint data-subject missing-person serious-crime trial"`
	Signature       bytes       `json:"signature,omitempty" is:"signature"`
	Type            Type        `json:"type"`
	V               int         `json:"v"`
}

// ReleaseApproved says that a body's device resealed its shares.
type ReleaseApproved struct {
	At        when      `json:"at"` // by the median of the cosignatures
	Body      city.Slug `json:"body" is:"word court ombudsman"`
	Count     int64     `json:"count" is:"number 0 100000000"`
	Device    city.Slug `json:"device" is:"name device"`
	Shares    hash      `json:"shares"` // of the share file
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Token     hash      `json:"token"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
}

// ReleaseRefused says that a body refused.
type ReleaseRefused struct {
	At        when      `json:"at"`
	Body      city.Slug `json:"body" is:"word court ombudsman"`
	Device    city.Slug `json:"device" is:"name device"`
	Reason    Word      `json:"reason" is:"word commitment-wrong expired key-destroyed log-inconsistent no-order not-competent order-unclear scope-too-wide other"`
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Token     hash      `json:"token"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
}

// ReleaseOpened says that the officer's machine opened footage.
type ReleaseOpened struct {
	At        when      `json:"at"`
	Body      city.Slug `json:"body" is:"name office"`
	Device    city.Slug `json:"device" is:"name device"`
	Segments  int64     `json:"segments" is:"number 1 100000000"`
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Token     hash      `json:"token"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
}

// Salts open commitments.
type Salts struct {
	Cameras hash `json:"cameras"`
	Case    hash `json:"case"`
	Order   hash `json:"order"`
	Times   hash `json:"times"`
}

// ReleaseDetails makes the details of a release public, or says when they will be.
type ReleaseDetails struct {
	At        when        `json:"at"`
	Body      city.Slug   `json:"body" is:"name owner"`
	Cameras   []city.Slug `json:"cameras,omitempty" is:"names camera 200"`
	Case      Reference   `json:"case,omitempty"`
	Device    city.Slug   `json:"device" is:"name device"`
	From      when        `json:"from,omitempty"`
	Order     Reference   `json:"order,omitempty"`
	PublicOn  day         `json:"public_on,omitempty"`
	Salts     *Salts      `json:"salts,omitempty"`
	Signature bytes       `json:"signature,omitempty" is:"signature"`
	To        when        `json:"to,omitempty"`
	Token     hash        `json:"token"`
	Type      Type        `json:"type"`
	V         int         `json:"v"`
	What      Word        `json:"what" is:"word published extended"`
}

// Hold says that a body resealed shares so that they outlast their retention.
type Hold struct {
	At           when        `json:"at"`
	Body         city.Slug   `json:"body" is:"word court ombudsman"`
	CamerasCount int64       `json:"cameras_count" is:"number 1 10000"`
	Commitments  Commitments `json:"commitments"`
	Count        int64       `json:"count" is:"number 0 100000000"`
	Device       city.Slug   `json:"device" is:"name device"`
	Hold         hash        `json:"hold"`
	HoldKey      bytes       `json:"hold_key" is:"bytes 1216"`
	Reason       Word        `json:"reason" is:"word appeal complaint data-subject proceedings"`
	Signature    bytes       `json:"signature,omitempty" is:"signature"`
	Type         Type        `json:"type"`
	Until        day         `json:"until"`
	V            int         `json:"v"`
}

// Audit says how many real shares of its own a body opened, and how many were wrong.
type Audit struct {
	At        when      `json:"at"`
	Body      city.Slug `json:"body" is:"word court ombudsman"`
	Checked   int64     `json:"checked" is:"number 0 1000000"`
	Device    city.Slug `json:"device" is:"name device"`
	Signature bytes     `json:"signature,omitempty" is:"signature"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
	Week      week      `json:"week"`
	Wrong     int64     `json:"wrong" is:"number 0 1000000"`
}

// LooksCount is how often a camera or service was looked at.
type LooksCount struct {
	Body    city.Slug `json:"body" is:"name office"`
	Day     day       `json:"day"`
	Do      Word      `json:"do" is:"word look-live look-back look-data"`
	Looks   int64     `json:"looks" is:"number 1 1073741824"`
	Minutes int64     `json:"minutes" is:"number 1 1073741824"`
	Name    city.Slug `json:"name" is:"name thing"`
	On      Word      `json:"on" is:"word Camera Service"`
	Purpose city.Slug `json:"purpose" is:"name purpose"`
}

// LooksDay closes a day of looks.
type LooksDay struct {
	Counts int64 `json:"counts" is:"number 0 1073741824"`
	Day    day   `json:"day"`
	From   when  `json:"from"`
	Head   hash  `json:"head"`
	Looks  int64 `json:"looks" is:"number 0 1073741824"`
	Root   hash  `json:"root"`
	Until  when  `json:"until"`
}

// Looks is a line of the public part of the book of looks.
type Looks struct {
	Count *LooksCount `json:"count,omitempty"`
	Day   *LooksDay   `json:"day,omitempty"`
	Line  hash        `json:"line"`
	Type  Type        `json:"type"`
	V     int         `json:"v"`
}

// Retention is a change of how long a camera's footage is kept.
type Retention struct {
	At          when      `json:"at"`
	BeforeHours int64     `json:"before_hours" is:"number 0 720"`
	Camera      city.Slug `json:"camera" is:"name camera"`
	Class       city.Slug `json:"class" is:"name class"`
	Hours       int64     `json:"hours" is:"number 0 720"`
	Type        Type      `json:"type"`
	V           int       `json:"v"`
}

// Software says which program runs since when.
type Software struct {
	At        when      `json:"at"`
	Component Word      `json:"component" is:"word camera case custodian edge hub monitor recorder witness"`
	Edge      city.Slug `json:"edge,omitempty" is:"name edge"`
	Hash      hash      `json:"hash"`
	Type      Type      `json:"type"`
	V         int       `json:"v"`
	Version   Version   `json:"version"`
}

// Alarm is what everybody is to know of.
type Alarm struct {
	At     when      `json:"at"`
	Body   city.Slug `json:"body,omitempty" is:"name owner"`
	Camera city.Slug `json:"camera,omitempty" is:"name camera"`
	Class  city.Slug `json:"class,omitempty" is:"name class"`
	Edge   city.Slug `json:"edge,omitempty" is:"name edge"`
	Type   Type      `json:"type"`
	V      int       `json:"v"`
	What   Word      `json:"what" is:"word audit-wrong clock disclosure-overdue disk-failed disk-full epoch-keys-few epoch-keys-none looks-unwritten recording-resumed recording-stopped registration-ended witnesses-few"`
}

func (*Registration) of() Type      { return "registration" }
func (*Decision) of() Type          { return "decision" }
func (*Policy) of() Type            { return "policy" }
func (*Roster) of() Type            { return "roster" }
func (*EpochKey) of() Type          { return "epoch-key" }
func (*EpochKeyDestroyed) of() Type { return "epoch-key-destroyed" }
func (*Segments) of() Type          { return "segments" }
func (*ReleaseRequested) of() Type  { return "release-requested" }
func (*ReleaseApproved) of() Type   { return "release-approved" }
func (*ReleaseRefused) of() Type    { return "release-refused" }
func (*ReleaseOpened) of() Type     { return "release-opened" }
func (*ReleaseDetails) of() Type    { return "release-details" }
func (*Hold) of() Type              { return "hold" }
func (*Audit) of() Type             { return "audit" }
func (*Looks) of() Type             { return "looks" }
func (*Retention) of() Type         { return "retention" }
func (*Software) of() Type          { return "software" }
func (*Alarm) of() Type             { return "alarm" }

// all makes one of each, in the order of formats/ledger.md.
func all() []Entry {
	return []Entry{
		&Registration{}, &Decision{}, &Policy{}, &Roster{}, &EpochKey{}, &EpochKeyDestroyed{}, &Segments{},
		&ReleaseRequested{}, &ReleaseApproved{}, &ReleaseRefused{}, &ReleaseOpened{}, &ReleaseDetails{},
		&Hold{}, &Audit{}, &Looks{}, &Retention{}, &Software{}, &Alarm{},
	}
}
