package account_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

func only(roles ...access.Role) account.Rights { return account.Rights{Body: "city", Roles: roles} }

// founder is accounts with their first administrator alone.
func founder(t *testing.T) (*account.Accounts, *accounttest.Browser, *accounttest.Clock) {
	t.Helper()
	clock := accounttest.NewClock()
	a := accounttest.Open(t, account.Config{Now: clock.Now})
	code, made, err := a.FirstCode(t.Context())
	if err != nil || !made {
		t.Fatal(made, err)
	}
	b := accounttest.NewBrowser(a)
	_, err = b.Enrol(code.Text, "Ada First")
	ok(t, err)
	return a, b, clock
}

func whoIs(t *testing.T, b *accounttest.Browser) access.Who {
	t.Helper()
	who, err := b.Who()
	if err != nil || who.Kind != access.Person {
		t.Fatal(who, err)
	}
	return who
}

func TestTheFirstAdministratorAloneGivesNothingGuarded(t *testing.T) {
	a, b, _ := founder(t)
	me := whoIs(t, b)
	for _, r := range []account.Rights{
		only(access.SafetyOperator), only(access.EvidenceOfficer), only(access.Auditor), only(access.IT, access.Crew), only(access.DataProtection, access.SafetyOperator),
		{Body: "city", Roles: []access.Role{access.TrafficOperator}, Areas: []city.Slug{"harbour"}},
		{Body: "city", Roles: []access.Role{access.DataProtection}, Areas: []city.Slug{"harbour"}},
		{Body: "city", Cameras: []city.Slug{"square"}},
	} {
		_, err := a.Invite(t.Context(), me, "Dee", r)
		is(t, err, city.Forbidden, fmt.Sprintf("inviting with %+v", r))
	}
	// One of each who then agree, and no more than one.
	for _, role := range []access.Role{access.IT, access.DataProtection} {
		d, err := a.Invite(t.Context(), me, "Bo Second", only(role))
		if err != nil || d.Code == nil {
			t.Fatalf("%s: %+v, %v", role, d, err)
		}
		_, err = a.Invite(t.Context(), me, "Another", only(role))
		is(t, err, city.Conflict, "a second "+string(role))
	}
	// Crews and operators of services are nobody's danger.
	d, err := a.Invite(t.Context(), me, "Dee", only(access.Crew, access.WaterOperator))
	if err != nil || d.Code == nil {
		t.Fatalf("a crew: %+v, %v", d, err)
	}
	crew := accounttest.NewBrowser(a)
	_, err = crew.Enrol(d.Code.Text, "")
	ok(t, err)
	_, err = a.Grant(t.Context(), me, whoIs(t, crew).ID, only(access.SafetyOperator))
	is(t, err, city.Forbidden, "giving a crew looks, alone")
}

// Whoever was two is not alone again by closing the other's account.
func TestBeingLeftAloneGivesNoPower(t *testing.T) {
	s, _ := hub(t)
	me := s.Who(s.First)
	ok(t, s.Accounts.Disable(t.Context(), me, s.Who(s.Second).ID))
	d, err := s.Accounts.Invite(t.Context(), me, "Puppet", only(access.IT))
	if err != nil || d.Waiting == "" || d.Code != nil {
		t.Fatalf("inviting a puppet: %+v, %v", d, err)
	}
	_, err = s.Accounts.Agree(t.Context(), me, d.Waiting)
	is(t, err, city.Forbidden, "agreeing to one's own proposal")
}

func TestNobodyChangesThemselves(t *testing.T) {
	s, _ := hub(t)
	me := s.Who(s.First)
	_, err := s.Accounts.Grant(t.Context(), me, me.ID, only(access.IT, access.Crew))
	is(t, err, city.Forbidden, "granting to oneself")
	_, err = s.Accounts.Grant(t.Context(), me, me.ID, only(access.Crew))
	is(t, err, city.Forbidden, "taking from oneself")
	is(t, s.Accounts.Disable(t.Context(), me, me.ID), city.Forbidden, "closing one's own account")
	_, err = s.Accounts.Recover(t.Context(), me, me.ID)
	is(t, err, city.Forbidden, "recovering oneself")
	_, err = s.Accounts.Enable(t.Context(), me, me.ID)
	is(t, err, city.Forbidden, "opening one's own account")

	// The receiver does not agree, either.
	b := s.Person("Dana Protection", []access.Role{access.DataProtection})
	d, err := s.Accounts.Grant(t.Context(), me, s.Who(b).ID, account.Rights{Body: "city", Roles: []access.Role{access.DataProtection}, Areas: []city.Slug{"harbour"}})
	ok(t, err)
	_, err = s.Accounts.Agree(t.Context(), s.Who(b), d.Waiting)
	is(t, err, city.Forbidden, "agreeing to what one receives")
	is(t, s.Accounts.Refuse(t.Context(), s.Who(b), d.Waiting), city.Forbidden, "refusing it")
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	ok(t, err)
	if who := s.Who(b); len(who.Areas) != 1 {
		t.Errorf("after two agreed: %+v", who)
	}
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	is(t, err, city.NotFound, "agreeing twice")
}

func TestWhoMayWhat(t *testing.T) {
	s, _ := hub(t)
	crew, guard, dpo := s.Person("Dee", []access.Role{access.Crew}), s.Person("Cleo", []access.Role{access.SafetyOperator}, "harbour"), s.Person("Dana", []access.Role{access.DataProtection})
	target := s.Who(s.Person("Eli", []access.Role{access.Crew})).ID
	waiting, err := s.Accounts.Grant(t.Context(), s.Who(s.First), target, only(access.SafetyOperator))
	ok(t, err)
	for _, b := range []*accounttest.Browser{crew, guard, dpo} {
		me := s.Who(b)
		_, err := s.Accounts.Invite(t.Context(), me, "x", only(access.Crew))
		is(t, err, city.Forbidden, me.Name+" invites")
		_, err = s.Accounts.Grant(t.Context(), me, target, only())
		is(t, err, city.Forbidden, me.Name+" grants")
		is(t, s.Accounts.Disable(t.Context(), me, target), city.Forbidden, me.Name+" closes")
		_, err = s.Accounts.Enable(t.Context(), me, target)
		is(t, err, city.Forbidden, me.Name+" opens")
		_, err = s.Accounts.Recover(t.Context(), me, target)
		is(t, err, city.Forbidden, me.Name+" recovers")
		is(t, s.Accounts.Forget(t.Context(), me, target), city.Forbidden, me.Name+" forgets")
		is(t, s.Accounts.Uninvite(t.Context(), me, "c"), city.Forbidden, me.Name+" takes an invitation back")
	}
	for _, b := range []*accounttest.Browser{crew, guard} {
		_, err := s.Accounts.Agree(t.Context(), s.Who(b), waiting.Waiting)
		is(t, err, city.Forbidden, s.Who(b).Name+" agrees")
		is(t, s.Accounts.Refuse(t.Context(), s.Who(b), waiting.Waiting), city.Forbidden, s.Who(b).Name+" refuses")
	}
	// A request that says it is somebody else than the store knows counts as who it is there.
	forged := s.Who(crew)
	forged.Roles = []access.Role{access.IT}
	_, err = s.Accounts.Invite(t.Context(), forged, "x", only(access.Crew))
	is(t, err, city.Forbidden, "roles that the store does not know")
	for name, who := range map[string]access.Who{"the public": {}, "nobody": {Kind: access.Person, ID: "p-none", Roles: []access.Role{access.IT}}, "a program": {Kind: access.Program, ID: s.Who(s.First).ID, Roles: []access.Role{access.IT}}} {
		_, err = s.Accounts.Invite(t.Context(), who, "x", only(access.Crew))
		is(t, err, city.Forbidden, name)
	}
	// The data protection officer is the second person.
	_, err = s.Accounts.Agree(t.Context(), s.Who(dpo), waiting.Waiting)
	ok(t, err)
}

func TestAnAdministratorSeesAndChecksNothing(t *testing.T) {
	s, _ := hub(t)
	for _, r := range []account.Rights{
		only(access.IT, access.SafetyOperator), only(access.IT, access.EvidenceOfficer), only(access.IT, access.DataProtection), only(access.IT, access.Auditor),
		{Body: "city", Roles: []access.Role{access.IT}, Areas: []city.Slug{access.AllAreas}},
		{Body: "city", Roles: []access.Role{access.IT}, Cameras: []city.Slug{"square"}},
	} {
		_, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "x", r)
		is(t, err, city.Invalid, fmt.Sprintf("inviting with %+v", r))
	}
}

func TestRightsThatAreNone(t *testing.T) {
	s, _ := hub(t)
	for name, r := range map[string]account.Rights{
		"no body": {}, "another city's body": {Body: "elsewhere"}, "no such role": only("root"), "an empty role": only(""),
		"an area with a slash": {Body: "city", Areas: []city.Slug{"a/b"}}, "an empty camera": {Body: "city", Cameras: []city.Slug{""}},
		"very many areas": {Body: "city", Areas: make([]city.Slug, 300)},
	} {
		_, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "x", r)
		is(t, err, city.Invalid, name)
	}
	for _, name := range []string{"", "  ", "a\x00b", "a\u202eb", "\xff", string(make([]byte, 100))} {
		_, err := s.Accounts.Invite(t.Context(), s.Who(s.First), name, only(access.Crew))
		is(t, err, city.Invalid, "the name "+name)
	}
}

func TestProposalsLapseAndFall(t *testing.T) {
	s, clock := hub(t)
	target := s.Who(s.Person("Eli", []access.Role{access.Crew})).ID
	d, err := s.Accounts.Grant(t.Context(), s.Who(s.First), target, only(access.SafetyOperator))
	ok(t, err)
	_, err = s.Accounts.Grant(t.Context(), s.Who(s.Second), target, only(access.EvidenceOfficer))
	is(t, err, city.Conflict, "two proposals about one person")
	clock.Add(24 * time.Hour)
	_, err = s.Second.SignIn()
	ok(t, err)
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	is(t, err, city.NotFound, "agreeing a day late")
	ok(t, s.Accounts.Clear(t.Context()))
	if e, err := s.Accounts.Entries(t.Context(), 0, 1); err != nil || e[0].Did != account.DidLapse || e[0].To != d.Waiting {
		t.Errorf("the book ends with %+v, %v", e, err)
	}

	// Rights that changed meanwhile are not brought back.
	_, err = s.First.SignIn()
	ok(t, err)
	other := s.Who(s.Person("Fay", []access.Role{access.Crew, access.WaterOperator})).ID
	d, err = s.Accounts.Grant(t.Context(), s.Who(s.First), other, only(access.Crew, access.WaterOperator, access.SafetyOperator))
	ok(t, err)
	_, err = s.Accounts.Grant(t.Context(), s.Who(s.Second), other, only(access.Crew))
	ok(t, err)
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	if err == nil {
		t.Error("what was taken away came back with a proposal from before")
	}
	if p, err := s.Accounts.Person(t.Context(), other); err != nil || len(p.Roles) != 1 {
		t.Errorf("%+v, %v", p, err)
	}

	// What an administrator proposed or invited ends with their role.
	third := s.Person("Gus Third", []access.Role{access.IT})
	d, err = s.Accounts.Grant(t.Context(), s.Who(third), target, only(access.SafetyOperator))
	ok(t, err)
	invited, err := s.Accounts.Invite(t.Context(), s.Who(third), "Hal", only(access.Crew))
	ok(t, err)
	_, err = s.Accounts.Grant(t.Context(), s.Who(s.First), s.Who(third).ID, only(access.Crew))
	ok(t, err)
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	is(t, err, city.NotFound, "agreeing to what a former administrator proposed")
	if _, err := accounttest.NewBrowser(s.Accounts).Enrol(invited.Code.Text, ""); !errors.Is(err, account.ErrCode) {
		t.Errorf("an invitation of a former administrator: %v", err)
	}
	if _, _, err := s.Accounts.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRecoveryTakesTwoOthers(t *testing.T) {
	s, clock := hub(t)
	lost := s.Person("Cleo Guard", []access.Role{access.SafetyOperator}, "harbour")
	who, first := s.Who(lost), s.Who(s.First).ID
	_, token, err := s.Accounts.MakeToken(t.Context(), who, "x", []access.Action{access.ReadData}, 0)
	ok(t, err)
	d, err := s.Accounts.Recover(t.Context(), s.Who(s.First), who.ID)
	if err != nil || d.Code != nil || d.Waiting == "" {
		t.Fatalf("one administrator: %+v, %v", d, err)
	}
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.First), d.Waiting)
	is(t, err, city.Forbidden, "the same administrator again")
	_, err = s.Accounts.Agree(t.Context(), who, d.Waiting)
	is(t, err, city.Forbidden, "whom it is about")
	clock.Add(23 * time.Hour)
	_, err = s.Second.SignIn()
	ok(t, err)
	d, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	if err != nil || d.Code == nil {
		t.Fatalf("two administrators: %+v, %v", d, err)
	}

	back := accounttest.NewBrowser(s.Accounts)
	again, err := back.Enrol(d.Code.Text, "Mallory")
	ok(t, err)
	if again.ID != who.ID || again.Name != "Cleo Guard" || !again.Has(access.SafetyOperator) {
		t.Errorf("back as %+v", again)
	}
	signedIn(t, lost, false, "the session from before")
	if _, err := lost.SignIn(); !errors.Is(err, account.ErrPasskey) {
		t.Errorf("the lost passkey: %v", err)
	}
	if w, err := bearer(s, token); err != nil || w.Kind != access.Public {
		t.Errorf("the token from before is %+v, %v", w, err)
	}
	if _, err := accounttest.NewBrowser(s.Accounts).Enrol(d.Code.Text, ""); !errors.Is(err, account.ErrCode) {
		t.Errorf("the code again: %v", err)
	}
	var did []account.Did
	entries, err := s.Accounts.Entries(t.Context(), 0, 4)
	ok(t, err)
	for _, e := range entries {
		did = append(did, e.Did)
	}
	if did[0] != account.DidRecover || did[1] != account.DidRevokeToken || did[2] != account.DidRecoveryCode || entries[2].By != first || entries[2].What.Agreed != s.Who(s.Second).ID {
		t.Errorf("the book says %v, %+v", did, entries[2])
	}
}

func TestTheMachineLetsAnAdministratorIn(t *testing.T) {
	s, clock := hub(t)
	first, err := s.Accounts.OfflineCode(t.Context(), "Ada First")
	ok(t, err)
	code, err := s.Accounts.OfflineCode(t.Context(), s.Who(s.First).ID)
	ok(t, err)
	b := accounttest.NewBrowser(s.Accounts)
	if _, err := b.Enrol(first.Text, ""); !errors.Is(err, account.ErrCode) {
		t.Errorf("a code that was replaced: %v", err)
	}
	who, err := b.Enrol(code.Text, "Mallory")
	if err != nil || who.Name != "Ada First" || !who.Has(access.IT) {
		t.Fatalf("%+v, %v", who, err)
	}
	signedIn(t, s.First, false, "the session from before")

	code, err = s.Accounts.OfflineCode(t.Context(), "")
	ok(t, err)
	who, err = accounttest.NewBrowser(s.Accounts).Enrol(code.Text, "Ivy New")
	if err != nil || who.Name != "Ivy New" || !who.Has(access.IT) {
		t.Fatalf("a new administrator: %+v, %v", who, err)
	}
	_, err = s.First.SignIn() // with the lost passkey
	if !errors.Is(err, account.ErrPasskey) {
		t.Errorf("the lost passkey: %v", err)
	}
	s.First = b
	crew := s.Who(s.Person("Dee", []access.Role{access.Crew}))
	_, err = s.Accounts.OfflineCode(t.Context(), crew.ID)
	is(t, err, city.Forbidden, "a crew let in by the machine")
	_, err = s.Accounts.OfflineCode(t.Context(), "Nobody")
	is(t, err, city.NotFound, "nobody let in by the machine")

	list, err := s.Accounts.Offline(t.Context(), clock.Now())
	if err != nil || len(list) != 3 {
		t.Errorf("pages show %+v, %v", list, err)
	}
	clock.Add(91 * 24 * time.Hour)
	if list, err = s.Accounts.Offline(t.Context(), clock.Now()); err != nil || len(list) != 0 {
		t.Errorf("pages show after 91 days %+v, %v", list, err)
	}
}

func TestAClosedAccountAndItsName(t *testing.T) {
	s, _ := hub(t)
	b := s.Person("Cleo Guard", []access.Role{access.SafetyOperator}, "harbour")
	id := s.Who(b).ID
	is(t, s.Accounts.Forget(t.Context(), s.Who(s.First), id), city.Conflict, "forgetting somebody who is here")
	ok(t, s.Accounts.Disable(t.Context(), s.Who(s.First), id))
	signedIn(t, b, false, "a closed account")
	d, err := s.Accounts.Enable(t.Context(), s.Who(s.First), id)
	if err != nil || d.Waiting == "" {
		t.Fatalf("opening what looks, alone: %+v, %v", d, err)
	}
	_, err = s.Accounts.Agree(t.Context(), s.Who(s.Second), d.Waiting)
	ok(t, err)
	_, err = b.SignIn()
	ok(t, err)
	ok(t, s.Accounts.Disable(t.Context(), s.Who(s.First), id))
	ok(t, s.Accounts.Forget(t.Context(), s.Who(s.First), id))
	p, err := s.Accounts.Person(t.Context(), id)
	if err != nil || p.Name != "" || p.Passkeys != 0 {
		t.Errorf("%+v, %v", p, err)
	}
	_, err = s.Accounts.Enable(t.Context(), s.Who(s.First), id)
	is(t, err, city.Conflict, "opening a forgotten account")
	if _, _, err := s.Accounts.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}
