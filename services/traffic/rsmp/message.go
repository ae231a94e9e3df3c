// Package rsmp speaks RSMP, the open road-side message protocol (RSMP Nordic, core
// specification 3.1.5 to 3.2.2, signal exchange list for traffic light controllers
// 1.1 and later): Polity as the supervisor of signal controllers, and a simulated
// controller that keeps to its own plan whenever the supervisor is silent.
//
// Messages are JSON objects, each followed by a form feed, over TCP or TLS.
package rsmp

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"polity/city"
)

// Versions of the core specification that are spoken, the newest last.
var versions = []string{"3.1.5", "3.2.0", "3.2.1", "3.2.2"}

// listVersion is the version of the signal exchange list.
const listVersion = "1.1.0"

// Kind is the type of a message, as the protocol writes it.
type Kind string

// The kinds of messages.
const (
	KindVersion           Kind = "Version"
	KindWatchdog          Kind = "Watchdog"
	KindAck               Kind = "MessageAck"
	KindNotAck            Kind = "MessageNotAck"
	KindAggregatedStatus  Kind = "AggregatedStatus"
	KindAggregatedRequest Kind = "AggregatedStatusRequest"
	KindAlarm             Kind = "Alarm"
	KindCommandRequest    Kind = "CommandRequest"
	KindCommandResponse   Kind = "CommandResponse"
	KindStatusRequest     Kind = "StatusRequest"
	KindStatusResponse    Kind = "StatusResponse"
	KindStatusSubscribe   Kind = "StatusSubscribe"
	KindStatusUnsubscribe Kind = "StatusUnsubscribe"
	KindStatusUpdate      Kind = "StatusUpdate"
)

// Message is any message; which fields are used depends on its kind. Names are the
// protocol's.
type Message struct {
	Mark string `json:"mType"` // always rSMsg
	Kind Kind   `json:"type"`
	ID   string `json:"mId,omitempty"`

	OldID  string `json:"oMId,omitempty"` // acknowledgements
	Reason string `json:"rea,omitempty"`

	Versions []VersionOf `json:"RSMP,omitempty"`
	List     string      `json:"SXL,omitempty"`
	Sites    []SiteOf    `json:"siteId,omitempty"`

	Clock string `json:"wTs,omitempty"` // watchdog

	Component   string `json:"cId,omitempty"`
	CommandTime string `json:"cTS,omitempty"`
	StatusTime  string `json:"sTs,omitempty"`

	Arguments []Argument        `json:"arg,omitempty"`
	Values    []json.RawMessage `json:"rvs,omitempty"`
	Status    json.RawMessage   `json:"sS,omitempty"` // a list, or an alarm's suspension

	AggregatedTime string          `json:"aSTS,omitempty"`
	Position       json.RawMessage `json:"fP,omitempty"`
	State          json.RawMessage `json:"fS,omitempty"`
	Bits           []bool          `json:"se,omitempty"`

	AlarmCode    string  `json:"aCId,omitempty"`
	ExternalCode *string `json:"xACId,omitempty"` // of the maker; must be there, may be empty
	AlarmKind    string  `json:"aSp,omitempty"`
	Acknowledged string  `json:"ack,omitempty"`
	Active       string  `json:"aS,omitempty"`
	AlarmTime    string  `json:"aTs,omitempty"`
	Category     string  `json:"cat,omitempty"`
	Priority     string  `json:"pri,omitempty"`
}

// VersionOf is one entry of the versions that an end speaks.
type VersionOf struct {
	Version string `json:"vers"`
}

// SiteOf names a site.
type SiteOf struct {
	ID string `json:"sId"`
}

// Argument is one argument of a command.
type Argument struct {
	Code    string `json:"cCI"`
	Name    string `json:"n"`
	Command string `json:"cO"`
	Value   string `json:"v"`
}

// Answer is one value that a command returns.
type Answer struct {
	Code  string `json:"cCI"`
	Name  string `json:"n"`
	Value string `json:"v"`
	Age   string `json:"age"`
}

// Subscription asks for one status value.
type Subscription struct {
	Code     string `json:"sCI"`
	Name     string `json:"n"`
	Every    string `json:"uRt,omitempty"`
	OnChange *bool  `json:"sOc,omitempty"`
}

// StatusValue is one status value.
type StatusValue struct {
	Code    string `json:"sCI"`
	Name    string `json:"n"`
	Value   string `json:"s"`
	Quality string `json:"q"` // recent or old
}

const (
	mark       = "rSMsg"
	timeLayout = "2006-01-02T15:04:05.000Z"
)

var (
	idPattern   = regexp.MustCompile(`^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-4[a-fA-F0-9]{3}-[89abAB][a-fA-F0-9]{3}-[a-fA-F0-9]{12}$`)
	timePattern = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$`)
)

// stamp writes a moment as the protocol does.
func stamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// newMessage makes a message of a kind with an id of its own.
func newMessage(kind Kind) Message {
	m := Message{Mark: mark, Kind: kind}
	if kind != KindAck && kind != KindNotAck {
		m.ID = newID()
	}
	return m
}

// newID returns a random UUID, version 4 (RFC 9562).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Decode reads one message, without the form feed. What is wrong is named; the
// message is returned all the same when its id could be read, so that it can be
// refused by name.
func Decode(text []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(text, &m); err != nil {
		return Message{}, city.Errorf(city.Invalid, "not an RSMP message: %v", err)
	}
	if m.Mark != mark {
		return Message{}, city.Errorf(city.Invalid, "not an RSMP message: mType is %q, not %s", m.Mark, mark)
	}
	if m.Kind == KindAck || m.Kind == KindNotAck {
		if !idPattern.MatchString(m.OldID) {
			return m, city.Errorf(city.Invalid, "%s: oMId %q is no message id", m.Kind, m.OldID)
		}
		return m, nil
	}
	if !idPattern.MatchString(m.ID) {
		id := m.ID
		m.ID = ""
		return m, city.Errorf(city.Invalid, "%s: mId %q is no message id", m.Kind, id)
	}
	return m, m.check()
}

// check tells what a message of its kind lacks.
func (m *Message) check() error {
	need := func(ok bool, field string) error {
		if ok {
			return nil
		}
		return city.Errorf(city.Invalid, "%s: %s is missing or malformed", m.Kind, field)
	}
	var list []json.RawMessage
	isList := func() bool { return json.Unmarshal(m.Status, &list) == nil && len(list) > 0 }
	switch m.Kind {
	case KindVersion:
		return first(need(len(m.Versions) > 0, "RSMP"), need(m.List != "", "SXL"), need(len(m.Sites) > 0 && m.Sites[0].ID != "", "siteId"))
	case KindWatchdog:
		return need(timePattern.MatchString(m.Clock), "wTs")
	case KindAggregatedStatus:
		return first(need(timePattern.MatchString(m.AggregatedTime), "aSTS"), need(len(m.Bits) == 8, "se"))
	case KindAggregatedRequest:
		return need(m.Component != "", "cId")
	case KindCommandRequest:
		return first(need(m.Component != "", "cId"), need(len(m.Arguments) > 0, "arg"))
	case KindCommandResponse:
		return first(need(m.Component != "", "cId"), need(timePattern.MatchString(m.CommandTime), "cTS"), need(m.Values != nil, "rvs"))
	case KindStatusRequest, KindStatusSubscribe, KindStatusUnsubscribe:
		return first(need(m.Component != "", "cId"), need(isList(), "sS"))
	case KindStatusResponse, KindStatusUpdate:
		return first(need(m.Component != "", "cId"), need(timePattern.MatchString(m.StatusTime), "sTs"), need(isList(), "sS"))
	case KindAlarm:
		return first(need(m.Component != "", "cId"), need(m.AlarmCode != "", "aCId"), need(m.AlarmKind != "", "aSp"))
	}
	return city.Errorf(city.Invalid, "%q is no type of message that this version knows", m.Kind)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// encode writes a message with its form feed.
func (m Message) encode() ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.Kind, err)
	}
	// An alarm without values has an empty list of them.
	if m.Kind == KindAlarm && m.Values == nil && m.AlarmKind == "Issue" {
		text = append(bytes.TrimSuffix(text, []byte("}")), `,"rvs":[]}`...)
	}
	return append(text, '\f'), nil
}
