package account_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

// viaDirectory signs in what a directory says.
func viaDirectory(b *accounttest.Browser, d account.Directory) (access.Who, error) {
	w := httptest.NewRecorder()
	who, err := b.Accounts.SignInDirectory(w, b.Request(http.MethodGet, "/sign-in/directory", nil), d)
	b.Keep(w)
	return who, err
}

func TestSigningInThroughTheDirectory(t *testing.T) {
	s, _ := hub(t)
	b := accounttest.NewBrowser(s.Accounts)
	d := account.Directory{Issuer: "https://id.city.example", Subject: "42", Name: "Jo Traffic", Body: "city", Roles: []access.Role{access.SafetyOperator}, Areas: []city.Slug{"harbour"}}
	who, err := viaDirectory(b, d)
	if err != nil || who.Name != "Jo Traffic" || !who.Has(access.SafetyOperator) || s.Who(b).ID != who.ID {
		t.Fatalf("%+v, %v", who, err)
	}
	before := b.Cookies[cookie].Value
	other := d
	other.Issuer = "https://other.example" // the same subject of another issuer is somebody else
	stranger, err := viaDirectory(accounttest.NewBrowser(s.Accounts), other)
	if err != nil || stranger.ID == who.ID {
		t.Errorf("%+v, %v", stranger, err)
	}

	d.Name, d.Roles, d.Areas = "Jo Water", []access.Role{access.WaterOperator}, nil
	again, err := viaDirectory(b, d)
	if err != nil || again.ID != who.ID || again.Name != "Jo Water" || again.Has(access.SafetyOperator) || len(again.Areas) != 0 || b.Cookies[cookie].Value == before {
		t.Errorf("with other groups: %+v, %v", again, err)
	}
	// What they may do is changed in the directory alone, and so are their devices.
	_, err = s.Accounts.Grant(t.Context(), s.Who(s.First), who.ID, only(access.Crew))
	is(t, err, city.Conflict, "granting to somebody of the directory")
	_, err = s.Accounts.Recover(t.Context(), s.Who(s.First), who.ID)
	is(t, err, city.Conflict, "recovering somebody of the directory")
	is(t, b.AddPasskey(), city.Conflict, "a passkey beside the directory")

	d.Roles = nil
	_, err = viaDirectory(accounttest.NewBrowser(s.Accounts), d)
	is(t, err, city.Forbidden, "without any group")
	signedIn(t, b, false, "the session of somebody without any group")
	d.Roles = []access.Role{access.Crew}
	ok(t, s.Accounts.Disable(t.Context(), s.Who(s.First), who.ID))
	_, err = viaDirectory(b, d)
	is(t, err, city.Forbidden, "a closed account")
}

func TestWhatADirectoryCannotSay(t *testing.T) {
	s, _ := hub(t)
	for name, d := range map[string]account.Directory{
		"nobody":                   {Name: "x", Body: "city", Roles: []access.Role{access.Crew}},
		"administers and looks":    {Issuer: "i", Subject: "1", Body: "city", Roles: []access.Role{access.IT, access.SafetyOperator}},
		"administers with an area": {Issuer: "i", Subject: "1", Body: "city", Roles: []access.Role{access.IT}, Areas: []city.Slug{"city"}},
		"a body that is not here":  {Issuer: "i", Subject: "1", Body: "elsewhere", Roles: []access.Role{access.Crew}},
		"a role that is none":      {Issuer: "i", Subject: "1", Body: "city", Roles: []access.Role{"root"}},
		"no group":                 {Issuer: "i", Subject: "1"},
	} {
		b := accounttest.NewBrowser(s.Accounts)
		if who, err := viaDirectory(b, d); err == nil {
			t.Errorf("%s: %+v", name, who)
		}
		signedIn(t, b, false, name)
	}
	if people, err := s.Accounts.People(t.Context()); err != nil || len(people) != 2 {
		t.Errorf("%+v, %v", people, err)
	}
}

// throughDoor comes in by the demo's door.
func throughDoor(b *accounttest.Browser, rights account.Rights) (access.Who, error) {
	w := httptest.NewRecorder()
	who, err := b.Accounts.SignInDoor(w, b.Request(http.MethodPost, "/door", nil), "Visitor", rights)
	b.Keep(w)
	return who, err
}

func TestTheDoorIsTheDemosAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.db")
	cfg := account.Config{Path: path, Door: true, Settings: account.Settings{Origin: "http://localhost:8080"}}
	demo, err := account.Open(t.Context(), cfg)
	ok(t, err)
	far := accounttest.NewBrowser(demo)
	_, err = throughDoor(far, only(access.SafetyOperator))
	is(t, err, city.Forbidden, "from another machine")
	b := accounttest.NewBrowser(demo)
	b.Address = "127.0.0.1:50000"
	who, err := throughDoor(b, only(access.IT))
	if err != nil || !who.Door || !who.Has(access.IT) {
		t.Fatalf("%+v, %v", who, err)
	}
	signedIn(t, b, true, "in the demo")
	_, err = demo.Invite(t.Context(), who, "Mallory", only(access.IT))
	is(t, err, city.Forbidden, "inviting from the door")
	if _, made, err := demo.FirstCode(t.Context()); err != nil || !made {
		t.Errorf("somebody at the door counts as enrolled: %v, %v", made, err)
	}
	ok(t, demo.Close())

	// The same file under a hub: the door is shut, and who came through it is nobody.
	cfg.Door = false
	real := accounttest.Open(t, cfg)
	b.Accounts = real
	signedIn(t, b, false, "in a hub, with the cookie of the demo")
	other := accounttest.NewBrowser(real)
	other.Address = "127.0.0.1:50000"
	_, err = throughDoor(other, only(access.Crew))
	is(t, err, city.NotFound, "the door of a hub")
	signedIn(t, other, false, "at the door of a hub")
}

func TestNobodyComesInBeforeTheFirstAdministrator(t *testing.T) {
	a := accounttest.Open(t, account.Config{})
	b := accounttest.NewBrowser(a)
	_, err := viaDirectory(b, account.Directory{Issuer: "i", Subject: "1", Body: "city", Roles: []access.Role{access.IT}})
	if !errors.Is(err, account.ErrNobody) {
		t.Errorf("the directory came first: %v", err)
	}
	signedIn(t, b, false, "before the first administrator")
}
