package directory_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"polity/access"
	"polity/access/directory"
	"polity/access/directory/directorytest"
	"polity/city"
)

func slugs(list ...city.Slug) []city.Slug { return list }

func TestSomebodySignsIn(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	p.People(map[string]directorytest.Person{
		"alice-7": {Name: "Alice\u202e  Aalto\n", Groups: []string{"safety", "harbour", "chess club"}},
		"nobody":  {Username: "nobody", Groups: []string{"chess club", "Safety", "safety "}},
		"both":    {Name: "Both", Groups: []string{"safety", "police-computers"}},
		"two":     {Name: "Two", Groups: []string{"safety", "computers"}},
	})
	d := open(t, config(t, p.Issuer), nil)
	signIn := func(t *testing.T, name string) (directory.End, error) {
		return d.Finish(walk(t, browser(t), begin(t, d, "/cameras/square?x=1"), "login="+name))
	}
	for _, inToken := range []bool{false, true} { // from userinfo, from the token
		p.InToken(inToken)
		end, err := signIn(t, "alice-7")
		if err != nil {
			t.Fatal(err)
		}
		got := end.Result
		if got.Issuer != p.Issuer || got.Subject != "alice-7" || got.Name != "Alice Aalto" || got.Body != "police" ||
			!slices.Equal(got.Roles, []access.Role{access.SafetyOperator}) || !slices.Equal(got.Areas, slugs("centre", "harbour")) || !slices.Equal(got.Cameras, slugs("square")) {
			t.Errorf("in the token %v: signed in as %+v", inToken, got)
		}
		if end.Next != "/cameras/square?x=1" || end.Cookie.MaxAge >= 0 {
			t.Errorf("goes on to %q with %v", end.Next, end.Cookie)
		}
	}
	if end, err := signIn(t, "nobody"); err != nil || len(end.Result.Roles) != 0 || end.Result.Body != "" || len(end.Result.Areas) != 0 || end.Result.Name != "nobody" {
		t.Errorf("groups that only look alike gave %+v, %v", end.Result, err)
	}
	for name, want := range map[string]string{"both": "it and safety-operator exclude each other", "two": "two bodies"} {
		if end, err := signIn(t, name); city.KindOf(err) != city.Forbidden || !strings.Contains(err.Error(), want) || end.Result.Subject != "" {
			t.Errorf("%s: signed in as %+v, %v", name, end.Result, err)
		}
	}

	t.Run("what the directory changes counts from the next time on", func(t *testing.T) {
		p.People(map[string]directorytest.Person{"alice-7": {Name: "Alice", Groups: []string{"evidence"}}})
		if end, err := signIn(t, "alice-7"); err != nil || !slices.Equal(end.Result.Roles, []access.Role{access.EvidenceOfficer}) || len(end.Result.Areas) != 0 {
			t.Errorf("signed in as %+v, %v", end.Result, err)
		}
	})
	t.Run("the directory says no", func(t *testing.T) {
		end, err := d.Finish(walk(t, browser(t), begin(t, d, "/"), ""))
		if city.KindOf(err) != city.Forbidden || strings.Contains(err.Error(), "script") || end.Result.Subject != "" {
			t.Errorf("signed in as %+v, %v", end.Result, err)
		}
	})
}

func TestASignInIsOfOneBrowserAndCountsOnce(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	p.People(map[string]directorytest.Person{"alice": {Name: "Alice", Groups: []string{"safety"}}, "mallory": {Name: "Mallory"}})
	clock := &hands{}
	d := open(t, config(t, p.Issuer), clock.now)
	refused := func(t *testing.T, what string, r *http.Request) {
		t.Helper()
		if end, err := d.Finish(r); city.KindOf(err) != city.Forbidden || end.Result.Subject != "" {
			t.Errorf("%s: signed in as %+v, %v", what, end.Result, err)
		}
	}
	alices := begin(t, d, "/")
	mallorys := walk(t, browser(t), begin(t, d, "/"), "login=mallory")

	// Mallory has Alice's browser end a sign-in of Mallory's, so that Alice would work
	// in Mallory's account; and steals the address with which Alice is led back.
	refused(t, "no cookie", returning(t, mallorys.URL.String(), nil))
	refused(t, "another browser's cookie", returning(t, mallorys.URL.String(), alices.Cookie))
	forged := *alices.Cookie
	forged.Value = forged.Value[:len(forged.Value)-2] + "AA"
	refused(t, "a cookie that was changed", returning(t, mallorys.URL.String(), &forged))

	// Mallory's code put into Alice's own sign-in fails at the provider: PKCE.
	swapped, _ := url.Parse(back)
	swapped.RawQuery = url.Values{"state": {param(t, alices.URL, "state")}, "code": {mallorys.URL.Query().Get("code")}, "iss": {p.Issuer}}.Encode()
	refused(t, "another's code", returning(t, swapped.String(), alices.Cookie))

	good := walk(t, browser(t), begin(t, d, "/"), "login=alice")
	if end, err := d.Finish(good); err != nil || end.Result.Subject != "alice" {
		t.Fatalf("signed in as %+v, %v", end.Result, err)
	}
	refused(t, "the same again", good)

	late := walk(t, browser(t), begin(t, d, "/"), "login=alice")
	clock.forward(11 * time.Minute)
	refused(t, "after eleven minutes", late)
}

func TestAWrongSecretIsRefused(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	p.People(map[string]directorytest.Person{"alice": {Name: "Alice"}})
	c := config(t, p.Issuer)
	c.ClientSecretFile = file(t, "another secret\n", 0o600)
	d := open(t, c, nil)
	if end, err := d.Finish(walk(t, browser(t), begin(t, d, "/"), "login=alice")); city.KindOf(err) != city.Forbidden || end.Result.Subject != "" {
		t.Errorf("signed in as %+v, %v", end.Result, err)
	}
}

func TestTheDirectoryLeadsNowhereElse(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	d, err := directory.Open(config(t, p.Issuer), directory.Deps{Back: "http://127.0.0.1:9999/elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	res, err := browser(t).Get(begin(t, d, "/").URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusBadRequest || to != "" {
		t.Errorf("%s, on to %q", res.Status, to)
	}
	for _, next := range []string{"https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)", "/\n/x", "/" + strings.Repeat("x", 600)} {
		p.People(map[string]directorytest.Person{"alice": {Name: "Alice"}})
		d := open(t, config(t, p.Issuer), nil)
		if end, err := d.Finish(walk(t, browser(t), begin(t, d, next), "login=alice")); err != nil || end.Next != "/" {
			t.Errorf("%q leads on to %q, %v", next, end.Next, err)
		}
	}
}

func TestKeysThatChange(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	p.People(map[string]directorytest.Person{"alice": {Name: "Alice"}})
	clock := &hands{}
	d := open(t, config(t, p.Issuer), clock.now)
	for _, keys := range [][]jose.JSONWebKey{{newKey(t, "a")}, {newKey(t, "b"), newKey(t, "a")}, {newKey(t, "c")}} {
		p.Keys(keys...)
		if _, err := d.Finish(walk(t, browser(t), begin(t, d, "/"), "login=alice")); err != nil {
			t.Errorf("after a change of keys: %v", err)
		}
	}
}

func TestHowLongAgoSomebodySignedInThere(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	p.People(map[string]directorytest.Person{"alice": {Name: "Alice"}})
	c := config(t, p.Issuer)
	c.MaxAge = time.Hour
	d := open(t, c, nil)
	b := browser(t)
	if _, err := d.Finish(walk(t, b, begin(t, d, "/"), "login=alice&ago=1800")); err != nil {
		t.Errorf("half an hour ago: %v", err)
	}
	// The session there is half an hour old and goes on without asking anything.
	if _, err := d.Finish(walk(t, b, begin(t, d, "/"), "login=nobody")); err != nil {
		t.Errorf("with the session there: %v", err)
	}
	c.MaxAge = time.Minute
	d = open(t, c, nil)
	if r := walk(t, b, begin(t, d, "/"), ""); r.URL.Query().Get("error") == "" {
		t.Error("the provider asks nobody although the session is older than max_age")
	}
}

func TestWithoutTheDirectory(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	clock := &hands{}
	d := open(t, config(t, p.Issuer), clock.now)
	begun := begin(t, d, "/")
	_, port, _ := strings.Cut(strings.TrimPrefix(p.Issuer, "http://"), ":")
	p.Stop()
	clock.forward(2 * time.Hour)
	for range 2 {
		if _, err := d.Begin(t.Context(), "/"); city.KindOf(err) != city.Unavailable || !strings.Contains(err.Error(), "passkey") {
			t.Errorf("without a directory: %v", err)
		}
	}
	if d.Down().IsZero() {
		t.Error("nothing says that the directory is down")
	}
	r := returning(t, back+"?code=x&state="+param(t, begun.URL, "state"), begun.Cookie)
	if end, err := d.Finish(r); err == nil || end.Result.Subject != "" {
		t.Errorf("signed in as %+v, %v", end.Result, err)
	}
	again := directorytest.Start(t, port, back, out)
	again.People(map[string]directorytest.Person{"alice": {Name: "Alice"}})
	clock.forward(time.Minute)
	if _, err := d.Begin(t.Context(), "/"); err != nil || !d.Down().IsZero() {
		t.Errorf("with the directory back: %v, down since %v", err, d.Down())
	}
}

func TestSigningOutThere(t *testing.T) {
	p := directorytest.Start(t, "0", back, out)
	p.People(map[string]directorytest.Person{"alice": {Name: "Alice"}})
	d := open(t, config(t, p.Issuer), nil)
	if d.SignOut() != "" {
		t.Error("a page to sign out before the directory was asked")
	}
	b := browser(t)
	if _, err := d.Finish(walk(t, b, begin(t, d, "/"), "login=alice")); err != nil {
		t.Fatal(err)
	}
	res, err := b.Get(d.SignOut())
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	res.Body.Close()
	form := regexp.MustCompile(`action="([^"]+)".*name="xsrf" value="([^"]+)"`).FindSubmatch(page)
	if form == nil {
		t.Fatalf("the provider's page to sign out is %s:\n%s", res.Status, page)
	}
	res, err = b.PostForm(string(form[1]), url.Values{"xsrf": {string(form[2])}, "logout": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if to := res.Header.Get("Location"); to != out {
		t.Errorf("%s, on to %q after signing out", res.Status, to)
	}
	if r := walk(t, b, begin(t, d, "/"), ""); r.URL.Query().Get("error") == "" {
		t.Error("the session there went on after signing out")
	}
}
