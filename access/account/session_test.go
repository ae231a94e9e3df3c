package account_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

const cookie = "polity-8080"

func TestASignInTakesNoSessionOver(t *testing.T) {
	s, _ := hub(t)
	b := s.First
	fixed := strings.Repeat("0", 52)
	b.Cookies = map[string]*http.Cookie{cookie: {Name: cookie, Value: fixed}}
	signedIn(t, b, false, "a cookie that nobody was given")
	_, err := b.SignIn()
	ok(t, err)
	if b.Cookies[cookie].Value == fixed {
		t.Error("the session is the one that the browser brought")
	}
	// A sign-in ends what the browser had: whoever planted it has nothing.
	planted := accounttest.NewBrowser(s.Accounts)
	planted.Cookies[cookie] = b.Cookies[cookie]
	_, err = b.SignIn()
	ok(t, err)
	signedIn(t, b, true, "the new session")
	signedIn(t, planted, false, "the session from before")
}

func TestAStolenCookieEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(s *accounttest.Staff, b *accounttest.Browser, who access.Who) error{
		"signing out": func(_ *accounttest.Staff, b *accounttest.Browser, _ access.Who) error { return b.SignOut() },
		"revoked by its owner": func(s *accounttest.Staff, _ *accounttest.Browser, who access.Who) error {
			return s.Accounts.Revoke(t.Context(), who, who.Session)
		},
		"all revoked by their owner": func(s *accounttest.Staff, _ *accounttest.Browser, who access.Who) error {
			return s.Accounts.RevokeAll(t.Context(), who, who.ID, "")
		},
		"revoked by an administrator": func(s *accounttest.Staff, _ *accounttest.Browser, who access.Who) error {
			return s.Accounts.Revoke(t.Context(), s.Who(s.Second), who.Session)
		},
		"the account closed": func(s *accounttest.Staff, _ *accounttest.Browser, who access.Who) error {
			return s.Accounts.Disable(t.Context(), s.Who(s.Second), who.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := hub(t)
			b := s.Person("Dee", []access.Role{access.Crew})
			who := s.Who(b)
			thief := accounttest.NewBrowser(s.Accounts)
			thief.Cookies[cookie] = b.Cookies[cookie]
			signedIn(t, thief, true, "before")
			ended := s.Accounts.Ended(who.Session)
			select {
			case <-ended:
				t.Fatal("it has ended before")
			default:
			}
			ok(t, end(s, b, who))
			select {
			case <-ended:
			default:
				t.Error("what was open was not told")
			}
			signedIn(t, thief, false, name)
			select {
			case <-s.Accounts.Ended(who.Session):
			default:
				t.Error("a session that ended can be held open")
			}
		})
	}
}

func TestRevokingAllKeepsTheOneInHand(t *testing.T) {
	s, _ := hub(t)
	other := accounttest.NewBrowser(s.Accounts)
	other.Key = s.First.Key
	_, err := other.SignIn()
	ok(t, err)
	me := s.Who(other)
	ok(t, s.Accounts.RevokeAll(t.Context(), me, me.ID, me.Session))
	signedIn(t, other, true, "the one that was kept")
	signedIn(t, s.First, false, "the other one")
}

func TestOthersSessionsAreNoBusinessOfColleagues(t *testing.T) {
	s, _ := hub(t)
	b := s.Person("Dee", []access.Role{access.Crew})
	is(t, s.Accounts.Revoke(t.Context(), s.Who(b), s.Who(s.First).Session), city.Forbidden, "revoking an administrator's session")
	is(t, s.Accounts.RevokeAll(t.Context(), s.Who(b), s.Who(s.First).ID, ""), city.Forbidden, "revoking all of them")
	is(t, s.Accounts.Revoke(t.Context(), s.Who(b), "s-nobody"), city.NotFound, "revoking one that is not there")
	signedIn(t, s.First, true, "the administrator")
}

func TestSessionsEndByThemselves(t *testing.T) {
	s, clock := hub(t)
	b := s.First
	for range 11 { // an hour is not passed, eleven times
		clock.Add(59 * time.Minute)
		signedIn(t, b, true, "used within the hour")
	}
	ended := s.Accounts.Ended(s.Who(b).Session)
	clock.Add(30 * time.Minute)
	signedIn(t, b, true, "before twelve hours")
	clock.Add(42 * time.Minute)
	s.Accounts.Sweep()
	select {
	case <-ended:
	default:
		t.Error("what was open was not told that twelve hours had passed")
	}
	signedIn(t, b, false, "after twelve hours")

	_, err := s.Second.SignIn()
	ok(t, err)
	ended = s.Accounts.Ended(s.Who(s.Second).Session)
	clock.Add(time.Hour)
	s.Accounts.Sweep()
	select {
	case <-ended:
	default:
		t.Error("what was open was not told that nobody had asked for an hour")
	}
	signedIn(t, s.Second, false, "unused for an hour")
	list, err := s.Accounts.Sessions(t.Context(), s.Who(b2(t, s)).ID)
	if err != nil || len(list) != 1 {
		t.Errorf("sessions that ended are listed: %+v, %v", list, err)
	}
}

// b2 is the first administrator signed in anew.
func b2(t *testing.T, s *accounttest.Staff) *accounttest.Browser {
	t.Helper()
	_, err := s.First.SignIn()
	ok(t, err)
	return s.First
}

func TestAClockThatGoesBackLengthensNothing(t *testing.T) {
	s, clock := hub(t)
	d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", account.Rights{Body: "city", Roles: []access.Role{access.Crew}})
	ok(t, err)
	_, token, err := s.Accounts.MakeToken(t.Context(), s.Who(s.First), "sums", []access.Action{access.ReadData}, 0)
	ok(t, err)
	clock.Add(-30 * time.Second) // as a time server may
	signedIn(t, s.First, true, "half a minute back")
	clock.Add(-time.Hour)
	signedIn(t, s.First, false, "an hour back")
	if who, err := bearer(s, token); err != nil || who.Kind != access.Public {
		t.Errorf("a token that is made in the future is %+v, %v", who, err)
	}
	_, err = accounttest.NewBrowser(s.Accounts).Enrol(d.Code.Text, "")
	is(t, err, city.Forbidden, "a code that is made in the future")
	_, err = s.First.SignIn()
	ok(t, err)
	signedIn(t, s.First, true, "signed in anew")

	// What ended by itself does not begin again.
	clock.Add(61 * time.Minute)
	signedIn(t, s.First, false, "unused for an hour")
	s.Accounts.Sweep()
	clock.Add(-40 * time.Minute)
	signedIn(t, s.First, false, "unused for an hour, by a clock that went back since")
}

func TestARestartKeepsSessionsAndTheirIdleTime(t *testing.T) {
	clock := accounttest.NewClock()
	path := t.TempDir() + "/access.db"
	cfg := account.Config{Path: path, Settings: account.Settings{Origin: "http://localhost:8080"}, Now: clock.Now}
	a, err := account.Open(t.Context(), cfg)
	ok(t, err)
	s := accounttest.Found(t, a)
	held := a.Ended(s.Who(s.First).Session)
	clock.Add(50 * time.Minute)
	signedIn(t, s.First, true, "after fifty minutes")
	ok(t, a.Close())
	<-held
	again := accounttest.Open(t, cfg)
	s.First.Accounts, s.Second.Accounts = again, again
	clock.Add(20 * time.Minute) // 70 since the sign-in, 20 since the last request
	signedIn(t, s.First, true, "after a restart")
	signedIn(t, s.Second, false, "unused for 70 minutes")
}

func TestRightsAndPurposeCountAtOnceAndWhatIsOpenIsTold(t *testing.T) {
	s, _ := hub(t)
	b := s.Person("Cleo Guard", []access.Role{access.SafetyOperator}, "harbour")
	who := s.Who(b)
	open := s.Accounts.Ended(who.Session)
	d, err := s.Accounts.Grant(t.Context(), s.Who(s.First), who.ID, account.Rights{Body: "city"})
	if err != nil || d.Waiting != "" {
		t.Fatalf("taking away waits: %+v, %v", d, err)
	}
	select {
	case <-open:
	default:
		t.Error("what was open was not told that a role is gone")
	}
	if now := s.Who(b); now.Has(access.SafetyOperator) || len(now.Areas) > 0 || now.Session != who.Session {
		t.Errorf("still %+v", now)
	}
	elsewhere := accounttest.NewBrowser(s.Accounts)
	elsewhere.Key = b.Key
	_, err = elsewhere.SignIn()
	ok(t, err)
	open, other := s.Accounts.Ended(who.Session), s.Accounts.Ended(s.Who(elsewhere).Session)
	ok(t, s.Accounts.SetPurpose(t.Context(), s.Who(b), "traffic"))
	select {
	case <-open:
	default:
		t.Error("what was open was not told of another purpose")
	}
	select {
	case <-other:
		t.Error("what is open at another browser was told of a purpose that is not its own")
	default:
	}
	if p := s.Who(elsewhere).Purpose; p != "" {
		t.Errorf("the purpose %s of one session counts for another", p)
	}
}

func TestCookies(t *testing.T) {
	for origin, want := range map[string]http.Cookie{
		"http://localhost:8080":    {Name: "polity-8080", HttpOnly: true, SameSite: http.SameSiteStrictMode, Path: "/"},
		"http://localhost":         {Name: "polity-80", HttpOnly: true, SameSite: http.SameSiteStrictMode, Path: "/"},
		"https://hub.city.example": {Name: "__Host-polity", HttpOnly: true, Secure: true, SameSite: http.SameSiteStrictMode, Path: "/"},
	} {
		s := accounttest.Found(t, accounttest.Open(t, account.Config{Settings: account.Settings{Origin: origin}}))
		c := s.First.Cookies[want.Name]
		if c == nil || c.HttpOnly != want.HttpOnly || c.Secure != want.Secure || c.SameSite != want.SameSite || c.Path != want.Path || c.Domain != "" || len(c.Value) < 52 {
			t.Errorf("%s: the cookie is %+v of %v", origin, c, s.First.Cookies)
		}
	}
}

func TestManySessionsEndTheOldest(t *testing.T) {
	s, clock := hub(t)
	first := accounttest.NewBrowser(s.Accounts)
	first.Cookies[cookie] = s.First.Cookies[cookie]
	for range 20 {
		clock.Add(time.Minute)
		b := accounttest.NewBrowser(s.Accounts)
		b.Key = s.First.Key
		_, err := b.SignIn()
		ok(t, err)
	}
	signedIn(t, first, false, "the oldest of 21")
}

func TestElsewhere(t *testing.T) {
	s, _ := hub(t)
	r := s.First.Request(http.MethodGet, "/", nil)
	if at := s.Accounts.Elsewhere(r); at != "" {
		t.Errorf("at home it says %q", at)
	}
	r.Host = "127.0.0.1:8080"
	if at := s.Accounts.Elsewhere(r); at != "http://localhost:8080" {
		t.Errorf("at an IP address it says %q", at)
	}
}

// TestWhoCostsNoQuery would fail if Who asked the store each time: the store is away.
func TestWhoCostsNoQuery(t *testing.T) {
	s, _ := hub(t)
	r := s.First.Request(http.MethodGet, "/", nil)
	_, err := s.Accounts.Who(r)
	ok(t, err)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.Accounts.Who(r); err != nil {
			t.Fatal(err)
		}
	}); n > 20 {
		t.Errorf("%v allocations for who asks", n)
	}
}

func BenchmarkWho(b *testing.B) {
	s := accounttest.Found(b, accounttest.Open(b, account.Config{}))
	r := s.First.Request(http.MethodGet, "/cameras/square?at=2026-12-01T08:00:00Z", nil)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if who, err := s.Accounts.Who(r); err != nil || who.Kind != access.Person {
				b.Fatal(who, err)
			}
		}
	})
}
