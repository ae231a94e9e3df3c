package entry

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"polity/ledger/canonical"
	"polity/ledger/roster/rostertest"
)

// samples are one entry of each type, signed where they are.
func samples(t testing.TB) []Entry {
	t.Helper()
	c := rostertest.New("vectors")
	h := func(s string) hash { return canonical.Sum("test", []byte(s)) }
	public := func(s string) bytes {
		var b bytes
		for i := 0; len(b) < 1216; i++ {
			sum := h(fmt.Sprint(s, i))
			b = append(b, sum[:]...)
		}
		return b
	}
	commitments := Commitments{Cameras: h("c"), Case: h("k"), Order: h("o"), Times: h("t")}
	recorder := rostertest.NewKey("recorder", "vectors")
	const at, day1 = when("2026-12-01T14:00:00Z"), day("2026-12-01")
	own := bytes(recorder.Key.Public().(ed25519.PublicKey)) //nolint:forcetypeassert // it is one
	list := []Entry{
		&Registration{At: at, Camera: "square", Class: "usual", Edge: "edge-1", Entry: h("file"), FootageHours: 168, From: at, Recorder: own, State: "registered", Until: "2027-12-01T00:00:00Z"},
		&Decision{At: at, By: "person", Commitment: h("what"), Outcome: "accepted", Service: "traffic"},
		&Policy{At: at, Line: h("line"), N: 3, New: h("new"), Old: h("old"), What: "approved"},
		&Roster{Roster: c.Roster.File(), Version: 1},
		&EpochKey{Body: "court", Class: "usual", Day: day1, Device: "court-1", Kem: "MLKEM768-X25519", Key: public("epoch")},
		&EpochKeyDestroyed{At: at, Body: "court", Class: "usual", Day: day1, Device: "court-1", KeyID: h("id"), Why: "due"},
		&Segments{Camera: "square", Count: 600, Domain: "helsinki.example", Gaps: 1, Hour: at, Recorder: own, Root: h("root")},
		&ReleaseRequested{Body: "police", CamerasCount: 8, CaseKey: public("case"), Cases: 1, Commitments: commitments, DetailsPublicOn: "2027-12-01", Device: "police-1", Expires: "2026-12-08T14:00:00Z", HoursCount: 1, ID: h("token"), Purpose: "serious-crime"},
		&ReleaseApproved{At: at, Body: "court", Count: 4800, Device: "court-1", Shares: h("shares"), Token: h("token")},
		&ReleaseRefused{At: at, Body: "ombudsman", Device: "ombudsman-2", Reason: "scope-too-wide", Token: h("token")},
		&ReleaseOpened{At: at, Body: "police", Device: "police-1", Segments: 4800, Token: h("token")},
		&ReleaseDetails{At: at, Body: "court", Cameras: []slug{"quay", "square"}, Case: "R 2026/1234", Device: "court-1", From: at, Order: "HEL 2026-012345", Salts: &Salts{Cameras: h("1"), Case: h("2"), Order: h("3"), Times: h("4")}, To: "2026-12-01T15:00:00Z", Token: h("token"), What: "published"},
		&Hold{At: at, Body: "ombudsman", CamerasCount: 1, Commitments: commitments, Count: 600, Device: "ombudsman-1", Hold: h("hold"), HoldKey: public("hold"), Reason: "appeal", Until: "2027-06-01"},
		&Audit{At: at, Body: "court", Checked: 100, Device: "court-2", Week: "2026-W49"},
		&Looks{Count: &LooksCount{Body: "safety", Day: "2026-11-30", Do: "look-live", Looks: 1, Minutes: 2, Name: "square", On: "Camera", Purpose: "incident"}, Line: h("count")},
		&Retention{At: at, BeforeHours: 72, Camera: "square", Class: "usual", Hours: 168},
		&Software{At: at, Component: "edge", Edge: "edge-1", Hash: h("program"), Version: "v0.9.0"},
		&Alarm{At: at, Camera: "square", What: "recording-stopped"},
	}
	for _, e := range list {
		s, ok := e.(Signed)
		if !ok {
			continue
		}
		key := recorder.Key
		if _, device := s.By(); device != "" {
			key = c.Devices[device].Key
		}
		if err := Sign(s, key); err != nil {
			t.Fatal(err)
		}
	}
	return list
}
