package account_test

import (
	"net/http"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

// hub is accounts with their first two administrators and a clock.
func hub(t *testing.T) (*accounttest.Staff, *accounttest.Clock) {
	t.Helper()
	clock := accounttest.NewClock()
	return accounttest.Found(t, accounttest.Open(t, account.Config{Now: clock.Now})), clock
}

// is fails unless an error is of a kind.
func is(t *testing.T, err error, kind city.Kind, what string) {
	t.Helper()
	if err == nil || city.KindOf(err) != kind {
		t.Errorf("%s: %v, not an error of kind %s", what, err, kind)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// signedIn fails unless somebody is signed in at a browser, or nobody.
func signedIn(t *testing.T, b *accounttest.Browser, want bool, what string) {
	t.Helper()
	who, err := b.Who()
	if err != nil || (who.Kind == access.Person) != want {
		t.Errorf("%s: signed in is %v (%v)", what, who.Kind == access.Person, err)
	}
}

func TestAShiftFromEnrolmentToSigningOut(t *testing.T) {
	s, clock := hub(t)
	b := s.Person("Cleo Guard", []access.Role{access.SafetyOperator}, "harbour")
	who := s.Who(b)
	if who.Name != "Cleo Guard" || !who.Has(access.SafetyOperator) || len(who.Areas) != 1 || who.Areas[0] != "harbour" || who.Purpose != "" || who.Body != "city" {
		t.Errorf("enrolled as %+v", who)
	}
	ok(t, b.SignOut())
	signedIn(t, b, false, "after signing out")

	clock.Add(8 * time.Hour)
	again, err := b.SignIn()
	ok(t, err)
	if again.ID != who.ID || again.Session == who.Session || !again.Since.Equal(clock.Now()) {
		t.Errorf("signed in as %+v", again)
	}
	ok(t, s.Accounts.SetPurpose(t.Context(), again, "incident"))
	if p := s.Who(b).Purpose; p != "incident" {
		t.Errorf("the purpose is %q", p)
	}
	is(t, s.Accounts.SetPurpose(t.Context(), again, "curiosity"), city.Invalid, "a purpose that is not on the list")

	list, err := s.Accounts.Sessions(t.Context(), who.ID)
	ok(t, err)
	if len(list) != 1 || list[0].Device != "Firefox on Linux" || list[0].Network != "192.0.2.0/24" || list[0].Purpose != "incident" {
		t.Errorf("sessions are %+v", list)
	}
	if _, _, err := s.Accounts.Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNobodyIsThereToBeginWith(t *testing.T) {
	a := accounttest.Open(t, account.Config{})
	if people, err := a.People(t.Context()); err != nil || len(people) != 0 {
		t.Fatal(people, err)
	}
	b := accounttest.NewBrowser(a)
	for _, code := range []string{"", "00000-00000-00000", "polity", "admin"} {
		_, err := b.Enrol(code, "Mallory")
		is(t, err, city.Forbidden, "the code "+code)
	}
	_, err := a.SignInDirectory(nil, b.Request(http.MethodGet, "/", nil), account.Directory{Issuer: "https://id.example", Subject: "1", Roles: []access.Role{access.IT}, Body: "city"})
	is(t, err, city.Forbidden, "the directory, before there is an administrator")
}
