package account_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

// bearer is who a token makes of a request.
func bearer(s *accounttest.Staff, token string) (access.Who, error) {
	r := accounttest.NewBrowser(s.Accounts).Request(http.MethodGet, "/ngsi-ld/v1/entities", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return s.Accounts.Who(r)
}

func TestATokenIsAProgramWithinItsScope(t *testing.T) {
	s, clock := hub(t)
	made, secret, err := s.Accounts.MakeToken(t.Context(), s.Who(s.First), "sums of the day", []access.Action{access.ReadData, access.SeeCounts}, 48*time.Hour)
	ok(t, err)
	who, err := bearer(s, secret)
	ok(t, err)
	if who.Kind != access.Program || who.ID != made.ID || who.Session != made.ID || who.Name != "sums of the day" || len(who.Scope) != 2 || len(who.Roles)+len(who.Areas)+len(who.Cameras) != 0 || who.Body != "city" {
		t.Errorf("the token is %+v", who)
	}
	clock.Add(24 * time.Hour)
	_, err = bearer(s, secret)
	ok(t, err)
	list, err := s.Accounts.Tokens(t.Context(), made.Person)
	if err != nil || len(list) != 1 || !list[0].Used.Equal(clock.Now().Truncate(24*time.Hour)) {
		t.Errorf("tokens are %+v, %v", list, err)
	}
	clock.Add(24 * time.Hour)
	if who, err := bearer(s, secret); err != nil || who.Kind != access.Public {
		t.Errorf("an expired token is %+v, %v", who, err)
	}
}

func TestWhatIsNoToken(t *testing.T) {
	s, _ := hub(t)
	_, secret, err := s.Accounts.MakeToken(t.Context(), s.Who(s.First), "x", []access.Action{access.ReadData}, 0)
	ok(t, err)
	for _, wrong := range []string{
		"", "polity_", secret[:len(secret)-1], secret + "0", strings.ToUpper(secret), "polity_" + strings.Repeat("0", 52), strings.TrimPrefix(secret, "polity_"),
		s.First.Cookies[cookie].Value, "polity_" + s.First.Cookies[cookie].Value,
	} {
		if who, err := bearer(s, wrong); err != nil || who.Kind != access.Public {
			t.Errorf("%q is %+v, %v", wrong, who, err)
		}
	}
	// Nor is it a session.
	b := accounttest.NewBrowser(s.Accounts)
	b.Cookies[cookie] = &http.Cookie{Name: cookie, Value: strings.TrimPrefix(secret, "polity_")}
	signedIn(t, b, false, "a token as a cookie")
	// A program that also has a cookie is the program.
	r := s.First.Request(http.MethodGet, "/", nil)
	r.Header.Set("Authorization", "bearer "+secret)
	if who, err := s.Accounts.Who(r); err != nil || who.Kind != access.Program {
		t.Errorf("a token beside a cookie is %+v, %v", who, err)
	}
	r.Header.Set("Authorization", "Bearer polity_"+strings.Repeat("1", 52))
	if who, err := s.Accounts.Who(r); err != nil || who.Kind != access.Public {
		t.Errorf("a wrong token beside a cookie is %+v, %v", who, err)
	}
}

func TestATokenInAnAddressIsRevoked(t *testing.T) {
	for _, where := range []string{"/x?token=%s", "/x?a=b&access_token=%s&c=d", "/x/%s/y", "/x?a=Bearer%%20%s", "/x?a=%%zz%s", "/x?a=ENC"} {
		s, _ := hub(t)
		made, secret, err := s.Accounts.MakeToken(t.Context(), s.Who(s.First), "x", []access.Action{access.ReadData}, 0)
		ok(t, err)
		open := s.Accounts.Ended(made.ID)
		address := strings.ReplaceAll(strings.ReplaceAll(where, "%%", "%"), "%s", secret)
		if where == "/x?a=ENC" {
			address = "/x?a=%70olity%5f" + secret[len("polity_"):]
		}
		r := accounttest.NewBrowser(s.Accounts).Request(http.MethodGet, address, nil)
		if _, err := s.Accounts.Who(r); !errors.Is(err, account.ErrLeaked) {
			t.Errorf("%s: %v", where, err)
		}
		if who, err := bearer(s, secret); err != nil || who.Kind != access.Public {
			t.Errorf("%s: the token is still %+v, %v", where, who, err)
		}
		select {
		case <-open:
		default:
			t.Errorf("%s: what was open was not told", where)
		}
		last, err := s.Accounts.Entries(t.Context(), 0, 1)
		if err != nil || last[0].Did != account.DidLeakToken || last[0].To != made.ID {
			t.Errorf("%s: the book ends with %+v, %v", where, last, err)
		}
	}
	// One that never was gets the same answer and leaves nothing; what only looks like it, none.
	s, _ := hub(t)
	n, _, err := s.Accounts.Head(t.Context())
	ok(t, err)
	b := accounttest.NewBrowser(s.Accounts)
	if _, err := s.Accounts.Who(b.Request(http.MethodGet, "/x?t=polity_"+strings.Repeat("0", 52), nil)); !errors.Is(err, account.ErrLeaked) {
		t.Errorf("one that never was: %v", err)
	}
	if _, err := s.Accounts.Who(b.Request(http.MethodGet, "/metrics?name=polity_hub_observations_total_and_more_words_that_are_long", nil)); err != nil {
		t.Errorf("the name of a number: %v", err)
	}
	if after, _, err := s.Accounts.Head(t.Context()); err != nil || after != n {
		t.Errorf("the book grew from %d to %d, %v", n, after, err)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	s, clock := hub(t)
	me := s.Who(s.First)
	make := func(scope []access.Action, lasts time.Duration) error {
		_, _, err := s.Accounts.MakeToken(t.Context(), me, "x", scope, lasts)
		return err
	}
	is(t, make(nil, 0), city.Invalid, "no scope")
	is(t, make([]access.Action{"root"}, 0), city.Invalid, "an action that is none")
	is(t, make([]access.Action{access.ReadData}, 91*24*time.Hour), city.Invalid, "longer than 90 days")
	is(t, make([]access.Action{access.ReadData}, -time.Hour), city.Invalid, "a negative life")
	for _, do := range []access.Action{access.LookLive, access.LookBack, access.LookData, access.AskFootage, access.ManagePeople, access.ProposePolicy, access.ApprovePolicy, access.OwnAccount} {
		is(t, make([]access.Action{access.ReadData, do}, 0), city.Forbidden, string(do))
	}
	_, secret, err := s.Accounts.MakeToken(t.Context(), me, "x", []access.Action{access.ReadData}, 0)
	ok(t, err)
	program, err := bearer(s, secret)
	ok(t, err)
	_, _, err = s.Accounts.MakeToken(t.Context(), program, "y", []access.Action{access.ReadData}, 0)
	is(t, err, city.Forbidden, "a token made by a token")
	clock.Add(16 * time.Minute)
	if err := make([]access.Action{access.ReadData}, 0); !errors.Is(err, account.ErrSignInAgain) {
		t.Errorf("long after the sign-in: %v", err)
	}
}

func TestTokensEndWithTheirMaker(t *testing.T) {
	s, _ := hub(t)
	b := s.Person("Dee", []access.Role{access.Crew})
	made, secret, err := s.Accounts.MakeToken(t.Context(), s.Who(b), "x", []access.Action{access.ReadData}, 0)
	ok(t, err)
	is(t, s.Accounts.RevokeToken(t.Context(), s.Who(s.Person("Eli", []access.Role{access.Crew})), made.ID), city.Forbidden, "a colleague revokes it")
	ok(t, s.Accounts.Disable(t.Context(), s.Who(s.First), made.Person))
	if who, err := bearer(s, secret); err != nil || who.Kind != access.Public {
		t.Errorf("the token of a closed account is %+v, %v", who, err)
	}
	made, secret, err = s.Accounts.MakeToken(t.Context(), s.Who(s.Second), "x", []access.Action{access.ReadData}, 0)
	ok(t, err)
	ok(t, s.Accounts.RevokeToken(t.Context(), s.Who(s.First), made.ID))
	if who, err := bearer(s, secret); err != nil || who.Kind != access.Public {
		t.Errorf("a revoked token is %+v, %v", who, err)
	}
}

// byRole lets role IT write data, and programs what their scope says.
type byRole struct{}

func (byRole) Decide(who access.Who, do access.Action, _ access.Thing, _ access.Circumstances) access.Decision {
	if who.Kind == access.Program {
		return access.Decision{Allowed: true}
	}
	return access.Decision{Allowed: do == access.ReadData || who.Has(access.IT) && do == access.WriteData}
}

func TestATokenOpensNoMoreThanItsMakerMay(t *testing.T) {
	s := accounttest.Found(t, accounttest.Open(t, account.Config{Decider: byRole{}}))
	b := s.Person("Dee", []access.Role{access.Crew})
	_, _, err := s.Accounts.MakeToken(t.Context(), s.Who(b), "x", []access.Action{access.WriteData}, 0)
	is(t, err, city.Forbidden, "writing, by somebody who may not")
	if list := s.Accounts.Scopes(s.Who(b)); len(list) != 1 || list[0] != access.ReadData {
		t.Errorf("scopes are %v", list)
	}
	// It ends when its maker loses what it is for.
	_, write, err := s.Accounts.MakeToken(t.Context(), s.Who(s.Second), "x", []access.Action{access.WriteData}, 0)
	ok(t, err)
	_, read, err := s.Accounts.MakeToken(t.Context(), s.Who(s.Second), "y", []access.Action{access.ReadData}, 0)
	ok(t, err)
	_, err = s.Accounts.Grant(t.Context(), s.Who(s.First), s.Who(s.Second).ID, account.Rights{Body: "city", Roles: []access.Role{access.Crew}})
	ok(t, err)
	if who, err := bearer(s, write); err != nil || who.Kind != access.Public {
		t.Errorf("a token for more than its maker may is %+v, %v", who, err)
	}
	if who, err := bearer(s, read); err != nil || who.Kind != access.Program {
		t.Errorf("a token for what its maker may is %+v, %v", who, err)
	}
}
