package account_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/city"
)

func TestCodesAsPeopleTypeThem(t *testing.T) {
	code := account.NewCode()
	if len(code) != 17 || strings.Count(code, "-") != 2 {
		t.Fatalf("a code is %q", code)
	}
	want, is := account.CodeHash(code)
	if !is {
		t.Fatalf("%q is none", code)
	}
	for _, typed := range []string{strings.ToLower(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "-", " "), " " + code + " ", strings.NewReplacer("0", "O", "1", "l").Replace(code)} {
		if got, is := account.CodeHash(typed); !is || got != want {
			t.Errorf("%q is not %q", typed, code)
		}
	}
	for _, typed := range []string{"", code[1:], code + "0", strings.Repeat("0", 1000), "UUUUU-UUUUU-UUUUU", "ééééé-ééééé-ééééé"} {
		if got, is := account.CodeHash(typed); is && got == want {
			t.Errorf("%q is %q", typed, code)
		} else if is {
			t.Errorf("%q is a code", typed)
		}
	}
}

func FuzzCodeHash(f *testing.F) {
	f.Add("K7QWX-4M2ZT-9PRHD")
	f.Add("")
	f.Fuzz(func(t *testing.T, typed string) {
		h, is := account.CodeHash(typed)
		if again, same := account.CodeHash(strings.ToUpper(typed)); is && (h != again || !same) {
			t.Errorf("%q depends on its case", typed)
		}
	})
}

func TestTheFirstCode(t *testing.T) {
	clock := accounttest.NewClock()
	a := accounttest.Open(t, account.Config{Now: clock.Now})
	old, _, err := a.FirstCode(t.Context())
	ok(t, err)
	code, _, err := a.FirstCode(t.Context())
	ok(t, err)
	b := accounttest.NewBrowser(a)
	if _, err := b.Enrol(old.Text, "Ada"); !errors.Is(err, account.ErrCode) {
		t.Errorf("the code of the start before: %v", err)
	}
	_, err = b.Enrol(code.Text, "")
	is(t, err, city.Invalid, "no name")
	clock.Add(time.Hour)
	if _, err := b.Enrol(code.Text, "Ada"); !errors.Is(err, account.ErrCode) {
		t.Errorf("after an hour: %v", err)
	}
	code, _, err = a.FirstCode(t.Context())
	ok(t, err)
	who, err := b.Enrol(code.Text, "Ada")
	if err != nil || !who.Has(access.IT) || len(who.Roles) != 1 || len(who.Areas) != 0 || who.Name != "Ada" {
		t.Fatalf("%+v, %v", who, err)
	}
	if _, err := accounttest.NewBrowser(a).Enrol(code.Text, "Mallory"); !errors.Is(err, account.ErrCode) {
		t.Errorf("the code again: %v", err)
	}
	if again, made, err := a.FirstCode(t.Context()); err != nil || made || again.Text != "" {
		t.Errorf("another first code: %+v, %v, %v", again, made, err)
	}
}

func TestInvitationsEnd(t *testing.T) {
	s, clock := hub(t)
	d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	list, err := s.Accounts.Invitations(t.Context(), clock.Now())
	if err != nil || len(list) != 1 || list[0].Name != "Dee" || list[0].ID != d.Code.ID {
		t.Fatalf("%+v, %v", list, err)
	}
	ok(t, s.Accounts.Uninvite(t.Context(), s.Who(s.First), d.Code.ID))
	if _, err := accounttest.NewBrowser(s.Accounts).Enrol(d.Code.Text, ""); !errors.Is(err, account.ErrCode) {
		t.Errorf("an invitation that was taken back: %v", err)
	}
	d, err = s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	b := accounttest.NewBrowser(s.Accounts)
	answer, err := b.BeginEnrol(d.Code.Text, "")
	ok(t, err)
	ok(t, s.Accounts.Uninvite(t.Context(), s.Who(s.First), d.Code.ID))
	if _, err := b.FinishEnrol(answer); !errors.Is(err, account.ErrCode) {
		t.Errorf("one that was taken back between begin and finish: %v", err)
	}
	signedIn(t, b, false, "afterwards")
	d, err = s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	clock.Add(24 * time.Hour)
	if _, err := accounttest.NewBrowser(s.Accounts).Enrol(d.Code.Text, ""); !errors.Is(err, account.ErrCode) {
		t.Errorf("a day old: %v", err)
	}
}

// What a browser sends beside the code gives nothing.
func TestRightsAreNotSentAlong(t *testing.T) {
	s, _ := hub(t)
	d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	b := accounttest.NewBrowser(s.Accounts)
	for _, more := range []string{`"roles":["it"]`, `"Roles":["it"]`, `"body":"city"`, `"areas":["city"]`, `"kind":"first"`, `"person":"p1"`, `"rights":{"roles":["it"]}`} {
		r := b.Request(http.MethodPost, "/enrol", strings.NewReader(fmt.Sprintf(`{"code":%q,"name":"Dee",%s}`, d.Code.Text, more)))
		_, err := s.Accounts.BeginEnrol(httptest.NewRecorder(), r)
		is(t, err, city.Invalid, more)
	}
	b.Address = "198.51.100.1:1"
	answer, err := b.BeginEnrol(d.Code.Text, "Mallory")
	ok(t, err)
	with := strings.Replace(string(answer), "{", `{"roles":["it"],"areas":["city"],`, 1)
	who, err := b.FinishEnrol([]byte(with))
	if err == nil && (who.Has(access.IT) || len(who.Areas) > 0 || who.Name != "Dee") {
		t.Errorf("enrolled as %+v", who)
	}
}

func TestOneOfManyWinsACode(t *testing.T) {
	s, _ := hub(t)
	d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	const many = 8
	browsers, answers := make([]*accounttest.Browser, many), make([][]byte, many)
	for i := range many {
		browsers[i] = accounttest.NewBrowser(s.Accounts)
		browsers[i].Address = fmt.Sprintf("198.51.100.%d:1", i)
		answers[i], err = browsers[i].BeginEnrol(d.Code.Text, "")
		ok(t, err)
	}
	var won, lost atomic.Int32
	var wait sync.WaitGroup
	for i, b := range browsers {
		wait.Go(func() {
			switch _, err := b.FinishEnrol(answers[i]); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, account.ErrCode):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	people, err := s.Accounts.People(t.Context())
	if err != nil || won.Load() != 1 || lost.Load() != many-1 || len(people) != 3 {
		t.Errorf("%d won, %d lost, %d people, %v", won.Load(), lost.Load(), len(people), err)
	}
}

func TestOneOfManyAgreesAndOneFirstAdministrator(t *testing.T) {
	s, clock := hub(t)
	third := s.Person("Gus", []access.Role{access.IT})
	target := s.Who(s.Person("Eli", []access.Role{access.Crew})).ID
	d, err := s.Accounts.Recover(t.Context(), s.Who(s.First), target)
	ok(t, err)
	var codes atomic.Int32
	var wait sync.WaitGroup
	for i := range 8 {
		by := s.Who([]*accounttest.Browser{s.Second, third}[i%2])
		wait.Go(func() {
			if d, err := s.Accounts.Agree(t.Context(), by, d.Waiting); err == nil && d.Code != nil {
				codes.Add(1)
			}
		})
	}
	wait.Wait()
	if codes.Load() != 1 {
		t.Errorf("%d codes were made", codes.Load())
	}

	a := accounttest.Open(t, account.Config{Now: clock.Now})
	code, _, err := a.FirstCode(t.Context())
	ok(t, err)
	var first atomic.Int32
	browsers, answers := make([]*accounttest.Browser, 4), make([][]byte, 4)
	for i := range browsers {
		browsers[i] = accounttest.NewBrowser(a)
		browsers[i].Address = fmt.Sprintf("198.51.100.%d:1", i)
		answers[i], err = browsers[i].BeginEnrol(code.Text, "x")
		ok(t, err)
	}
	for i, b := range browsers {
		wait.Go(func() {
			if _, err := b.FinishEnrol(answers[i]); err == nil {
				first.Add(1)
			}
		})
	}
	wait.Wait()
	if first.Load() != 1 {
		t.Errorf("%d first administrators", first.Load())
	}
}

func TestGuessingCodesIsBounded(t *testing.T) {
	s, clock := hub(t)
	d, err := s.Accounts.Invite(t.Context(), s.Who(s.First), "Dee", only(access.Crew))
	ok(t, err)
	b := accounttest.NewBrowser(s.Accounts)
	b.Address = "203.0.113.9:1"
	tries := 0
	for ; tries < 100; tries++ {
		_, err := b.Enrol(account.NewCode(), "")
		if errors.Is(err, account.ErrTooMany) {
			break
		}
		if !errors.Is(err, account.ErrCode) {
			t.Fatal(err)
		}
	}
	if tries == 0 || tries > 40 {
		t.Errorf("%d codes were tried at once", tries)
	}
	if _, err := b.Enrol(d.Code.Text, ""); !errors.Is(err, account.ErrTooMany) {
		t.Errorf("the right code, guessed behind too many wrong ones: %v", err)
	}
	// Somebody else is not held up by it.
	other := accounttest.NewBrowser(s.Accounts)
	other.Address = "203.0.113.10:1"
	if _, err := other.Enrol(d.Code.Text, ""); err != nil {
		t.Errorf("from another address: %v", err)
	}
	clock.Add(time.Minute)
	if _, err := b.Enrol(account.NewCode(), ""); !errors.Is(err, account.ErrCode) {
		t.Errorf("a minute later: %v", err)
	}
}

func TestLimits(t *testing.T) {
	clock := accounttest.NewClock()
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	until := func(do func() error) (n int) {
		for ; n < 100000; n++ {
			if do() != nil {
				return n
			}
		}
		return n
	}
	l := account.NewLimits(clock.Now)
	// An IPv6 line is one address, however many it has.
	i := 0
	if n := until(func() error { i++; return l.Code(at(fmt.Sprintf("2001:db8:1:1::%x", i))) }); n > 40 {
		t.Errorf("%d tries from one /64", n)
	}
	if l.Code(at("2001:db8:1:2::1")) != nil {
		t.Error("another /64 is held up")
	}
	// Nobody locks out somebody's account from elsewhere.
	until(func() error { return l.Account(at("203.0.113.1"), "p1") })
	if l.Account(at("203.0.113.2"), "p1") != nil {
		t.Error("an account is locked out by another address")
	}
	if l.Account(at("203.0.113.1"), "p2") != nil {
		t.Error("an account is locked out by tries for another")
	}
	// A flood from everywhere stops, but not those from whose address somebody signed in.
	l.Trust(at("192.0.2.1"))
	i = 0
	if n := until(func() error { i++; return l.Finish(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})) }); n > 2000 {
		t.Errorf("a flood from everywhere was let through, %d times", n)
	}
	if l.Finish(at("192.0.2.2")) == nil {
		t.Error("a stranger gets through a flood that is to be stopped")
	}
	if l.Finish(at("192.0.2.1")) != nil {
		t.Error("a flood from elsewhere locks out those who work here")
	}
	// Memory is bounded.
	for i := range 3 * account.RememberMost {
		_ = l.Account(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), "p3")
	}
	if n := l.Remembered(); n > account.RememberMost {
		t.Errorf("%d addresses are remembered", n)
	}
	// A clock that goes back gives no tries, and takes none for ever.
	l = account.NewLimits(clock.Now)
	until(func() error { return l.Code(at("203.0.113.1")) })
	clock.Add(-time.Hour)
	if l.Code(at("203.0.113.1")) == nil {
		t.Error("a clock that went back gave another try")
	}
	clock.Add(10 * time.Minute)
	if l.Code(at("203.0.113.1")) != nil {
		t.Error("ten minutes behind a clock that went back there is no try")
	}
}

func TestCeremoniesUnderWayAreBounded(t *testing.T) {
	s, clock := hub(t)
	begin := func(address string) {
		b := accounttest.NewBrowser(s.Accounts)
		b.Key, b.Address = s.First.Key, address
		_, _ = b.BeginSignIn()
		clock.Add(time.Second)
	}
	for range 200 {
		begin("203.0.113.9:1")
	}
	if n := s.Accounts.CeremoniesUnderWay(); n > 64 {
		t.Errorf("%d ceremonies of one address", n)
	}
	clock.Add(5 * time.Minute)
	begin("203.0.113.10:1")
	if n := s.Accounts.CeremoniesUnderWay(); n != 1 {
		t.Errorf("%d ceremonies five minutes later", n)
	}
}
