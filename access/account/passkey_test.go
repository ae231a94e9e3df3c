package account_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

// Each row is an authenticator, or the page in front of it, that is not what it should be.
func TestOnlyAnHonestAuthenticatorSignsIn(t *testing.T) {
	for name, spoil := range map[string]func(*accounttest.Authenticator){
		"another origin":          func(k *accounttest.Authenticator) { k.Origin = "http://localhost.evil.example:8080" },
		"another port":            func(k *accounttest.Authenticator) { k.Origin = "http://localhost:8081" },
		"another scheme":          func(k *accounttest.Authenticator) { k.Origin = "https://localhost:8080" },
		"another relying party":   func(k *accounttest.Authenticator) { k.RPID = "evil.example" },
		"the user not verified":   func(k *accounttest.Authenticator) { k.Unverified = true },
		"the user not there":      func(k *accounttest.Authenticator) { k.Absent = true },
		"within another's frame":  func(k *accounttest.Authenticator) { k.CrossFrame = true },
		"no origin":               func(k *accounttest.Authenticator) { k.Origin = "" },
		"a relying party's child": func(k *accounttest.Authenticator) { k.RPID = "hub.localhost" },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := hub(t)
			good := *s.First.Key
			ok(t, s.First.SignOut())
			spoil(s.First.Key)
			_, err := s.First.SignIn()
			if !errors.Is(err, account.ErrPasskey) {
				t.Errorf("signing in: %v", err)
			}
			signedIn(t, s.First, false, name)
			*s.First.Key = good
			if _, err := s.First.SignIn(); err != nil {
				t.Errorf("the honest one behind it: %v", err)
			}

			// Nor does it make a passkey.
			d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", account.Rights{Body: "city", Roles: []access.Role{access.Crew}})
			ok(t, err)
			b := accounttest.NewBrowser(s.Accounts)
			spoil(b.Key)
			_, err = b.Enrol(d.Code.Text, "")
			is(t, err, city.Forbidden, "enrolling")
			signedIn(t, b, false, name)
			b.Key = &accounttest.Authenticator{Origin: s.Accounts.Origin()}
			if _, err := b.Enrol(d.Code.Text, ""); err != nil {
				t.Errorf("the code behind it: %v", err)
			}
		})
	}
}

func TestAnAnswerCountsOnce(t *testing.T) {
	s, clock := hub(t)
	b := s.First
	ok(t, b.SignOut())
	answer, err := b.BeginSignIn()
	ok(t, err)
	ceremony := b.Cookies["polity-ceremony-8080"]
	who, err := b.FinishSignIn(answer)
	ok(t, err)
	ok(t, b.SignOut())

	b.Cookies[ceremony.Name] = ceremony
	if _, err := b.FinishSignIn(answer); !errors.Is(err, account.ErrCeremony) {
		t.Errorf("the same answer again: %v", err)
	}
	// A new challenge does not make an old answer good.
	if _, err := b.BeginSignIn(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.FinishSignIn(answer); !errors.Is(err, account.ErrPasskey) {
		t.Errorf("an old answer to a new challenge: %v", err)
	}
	// Another browser does not have the cookie.
	answer, err = b.BeginSignIn()
	ok(t, err)
	other := accounttest.NewBrowser(s.Accounts)
	if _, err := other.FinishSignIn(answer); !errors.Is(err, account.ErrCeremony) {
		t.Errorf("the answer from another browser: %v", err)
	}
	clock.Add(5 * time.Minute)
	if _, err := b.FinishSignIn(answer); !errors.Is(err, account.ErrCeremony) {
		t.Errorf("five minutes late: %v", err)
	}
	// The answer to one question is none to another.
	answer, err = b.BeginSignIn()
	ok(t, err)
	if _, err := b.FinishEnrol(answer); !errors.Is(err, account.ErrCeremony) {
		t.Errorf("a sign-in as an enrolment: %v", err)
	}
	again, err := b.SignIn()
	if err != nil || again.ID != who.ID {
		t.Error(again, err)
	}
}

func TestACopiedPasskeyIsBlocked(t *testing.T) {
	s, _ := hub(t)
	b := s.Person("Cleo Guard", []access.Role{access.SafetyOperator}, "harbour")
	thief := accounttest.NewBrowser(s.Accounts)
	thief.Key = b.Key.Copy()
	_, err := thief.SignIn() // the first to use it does not show
	ok(t, err)
	if _, err := b.SignIn(); !errors.Is(err, account.ErrCopied) {
		t.Errorf("the second of two: %v", err)
	}
	for range 2 { // and now neither comes in
		if _, err := b.SignIn(); !errors.Is(err, account.ErrCopied) {
			t.Errorf("a blocked passkey: %v", err)
		}
		if _, err := thief.SignIn(); !errors.Is(err, account.ErrCopied) {
			t.Errorf("its copy: %v", err)
		}
	}
	entries, err := s.Accounts.Entries(t.Context(), 0, 1)
	ok(t, err)
	if entries[0].Did != account.DidBlockPasskey {
		t.Errorf("the book ends with %+v", entries[0])
	}
	p, err := s.Accounts.Passkeys(t.Context(), entries[0].To)
	if err != nil || len(p) != 1 || p[0].Blocked.IsZero() {
		t.Errorf("passkeys are %+v, %v", p, err)
	}
}

func TestAPasskeyThatCountsNothingSignsInAgainAndAgain(t *testing.T) {
	s, _ := hub(t)
	d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", account.Rights{Body: "city", Roles: []access.Role{access.Crew}})
	ok(t, err)
	b := accounttest.NewBrowser(s.Accounts)
	b.Key.Synced = true
	s.Enrol(b, d.Code.Text, "")
	for range 3 {
		if _, err := b.SignIn(); err != nil {
			t.Fatal(err)
		}
	}
	b.Key.Synced = false // one that is bound to its device does not become one that is synced, nor the reverse
	if _, err := b.SignIn(); !errors.Is(err, account.ErrPasskey) {
		t.Errorf("a synced passkey that is none any more: %v", err)
	}
}

func TestUnknownKnownAndClosedGetOneAnswer(t *testing.T) {
	s, _ := hub(t)
	closed := s.Person("Dee", []access.Role{access.Crew})
	ok(t, s.Accounts.Disable(t.Context(), s.Who(s.First), s.Who(closed).ID))

	stranger := accounttest.NewBrowser(s.Accounts)
	elsewhere := accounttest.Found(t, accounttest.Open(t, account.Config{}))
	stranger.Key = elsewhere.First.Key
	_, unknown := stranger.SignIn()
	_, shut := closed.SignIn()
	s.Second.Key.Unverified = true
	_, wrong := s.Second.SignIn()
	if unknown == nil || shut == nil || wrong == nil || unknown.Error() != shut.Error() || shut.Error() != wrong.Error() {
		t.Errorf("the answers tell apart:\n%v\n%v\n%v", unknown, shut, wrong)
	}

	// What the browser is asked does not depend on who asks: nobody types a name.
	a, b := httptest.NewRecorder(), httptest.NewRecorder()
	x, err := s.Accounts.BeginSignIn(a, stranger.Request(http.MethodPost, "/", nil))
	ok(t, err)
	y, err := s.Accounts.BeginSignIn(b, s.First.Request(http.MethodPost, "/", nil))
	ok(t, err)
	if len(x) != len(y) || strings.Contains(string(x), "allowCredentials") {
		t.Errorf("asked %s and %s", x, y)
	}
}

func TestMorePasskeys(t *testing.T) {
	s, clock := hub(t)
	b := s.First
	me := s.Who(b)
	list, err := s.Accounts.Passkeys(t.Context(), me.ID)
	ok(t, err)
	is(t, s.Accounts.RemovePasskey(t.Context(), me, list[0].ID), city.Conflict, "removing the last passkey")

	first := b.Key
	if err := b.AddPasskey(); err == nil {
		t.Error("one authenticator made two passkeys for one account")
	}
	b.Key = &accounttest.Authenticator{Origin: s.Accounts.Origin()}
	ok(t, b.AddPasskey())
	ok(t, s.Accounts.RenamePasskey(t.Context(), me, list[0].ID, "  My   telephone "))
	list, err = s.Accounts.Passkeys(t.Context(), me.ID)
	if err != nil || len(list) != 2 || list[0].Name != "My telephone" || list[1].Name != "Firefox on Linux" {
		t.Fatalf("passkeys are %+v, %v", list, err)
	}
	is(t, s.Accounts.RemovePasskey(t.Context(), s.Who(s.Second), list[0].ID), city.NotFound, "removing another's passkey")
	is(t, s.Accounts.RenamePasskey(t.Context(), s.Who(s.Second), list[0].ID, "mine"), city.NotFound, "renaming another's passkey")

	clock.Add(16 * time.Minute)
	if err := b.AddPasskey(); !errors.Is(err, account.ErrSignInAgain) {
		t.Errorf("adding a passkey long after signing in: %v", err)
	}
	if err := s.Accounts.RemovePasskey(t.Context(), me, list[0].ID); !errors.Is(err, account.ErrSignInAgain) {
		t.Errorf("removing one then: %v", err)
	}
	again, err := b.SignIn()
	ok(t, err)
	ok(t, s.Accounts.RemovePasskey(t.Context(), again, list[0].ID))
	b.Key = first
	if _, err := b.SignIn(); !errors.Is(err, account.ErrPasskey) {
		t.Errorf("signing in with a removed passkey: %v", err)
	}
}

func TestAPasskeyOfSomebodyElseIsNotTakenOver(t *testing.T) {
	s, _ := hub(t)
	b := s.Person("Dee", []access.Role{access.Crew})
	me := s.Who(b)
	w := httptest.NewRecorder()
	options, err := s.Accounts.BeginPasskey(w, b.Request(http.MethodPost, "/", nil), me)
	ok(t, err)
	b.Keep(w)
	answer, err := (&accounttest.Authenticator{Origin: s.Accounts.Origin()}).Create(options)
	ok(t, err)
	// Somebody else sends it from their session, with the cookie of that ceremony.
	err = s.Accounts.FinishPasskey(httptest.NewRecorder(), b.Request(http.MethodPost, "/", strings.NewReader(string(answer))), s.Who(s.First))
	if !errors.Is(err, account.ErrCeremony) {
		t.Errorf("a passkey made for another account: %v", err)
	}
}

func TestJunkInPlaceOfAnAnswer(t *testing.T) {
	s, _ := hub(t)
	for _, junk := range []string{"", "null", "{}", "[]", `{"id":"x"}`, strings.Repeat("a", 70<<10), `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`} {
		_, err := s.First.BeginSignIn()
		ok(t, err)
		b := accounttest.NewBrowser(s.Accounts)
		b.Cookies = s.First.Cookies
		if _, err := b.FinishSignIn([]byte(junk)); err == nil || city.KindOf(err) == city.Internal {
			t.Errorf("%.40q: %v", junk, err)
		}
	}
}
