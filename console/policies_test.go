package console_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"polity/access"
	"polity/access/policy"
	"polity/console"
	"polity/console/consoletest"
)

// byName takes a request's word on who asks, and leaves the rest to policies.
type byName struct {
	*policy.Live
	who map[string]access.Who
}

func (b byName) Who(r *http.Request) (access.Who, error) { return b.who[r.Header.Get("X-Who")], nil }

func (byName) Ended(string) <-chan struct{} { return nil }

// office is pages whose policies two people change.
type office struct {
	t *testing.T
	*console.Console
	live *policy.Live
}

func newPolicyOffice(t *testing.T) *office {
	t.Helper()
	dir := t.TempDir()
	live, err := policy.Open(policy.Config{Folder: filepath.Join(dir, "policies"), Book: filepath.Join(dir, "policies.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { live.Close() })
	world, err := consoletest.New(consoletest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]access.Who{}
	for name, role := range map[string]access.Role{"admin": access.IT, "officer": access.DataProtection, "auditor": access.Auditor, "traffic": access.TrafficOperator} {
		who[name] = access.Who{Kind: access.Person, ID: name, Name: name, Roles: []access.Role{role}}
	}
	pages, err := console.New(console.Config{City: world, Policies: live, Access: byName{live, who}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pages.Close)
	return &office{t, pages, live}
}

// ask returns status and body of a page as somebody; with a form it posts.
func (o *office) ask(who, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if form != nil {
		r = httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("X-Who", who)
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	return w
}

func (o *office) is(w *httptest.ResponseRecorder, status int, says ...string) {
	o.t.Helper()
	if w.Code != status {
		o.t.Errorf("status %d, not %d: %s", w.Code, status, w.Body)
	}
	for _, text := range says {
		if !strings.Contains(w.Body.String(), text) {
			o.t.Errorf("the page does not say %q: %s", text, w.Body)
		}
	}
}

const quietYard = `@id("no-looks-at-the-square")
@reason("Nobody looks at <the> square.")
forbid (principal, action == Action::"look-live", resource == Camera::"square");
`

func TestEveryoneReadsWhoMayDoWhat(t *testing.T) {
	o := newPolicyOffice(t)
	o.is(o.ask("", "/access", nil), http.StatusOK, "look at live scenes", "for a purpose", "Nobody grants or takes anything from themselves.", "charter.cedar", "no policies of its own")
	w := o.ask("", "/access.csv", nil)
	if rows, err := csv.NewReader(w.Body).ReadAll(); err != nil || len(rows) < 50 || w.Code != http.StatusOK {
		t.Errorf("%d, %d rows, %v", w.Code, len(rows), err)
	}
	if w := o.ask("", "/access", nil); strings.Contains(w.Body.String(), "/access/changes") {
		t.Error("the public is led to a page that it may not see")
	}
}

func TestTwoPeopleChangeAPolicyOnPages(t *testing.T) {
	o := newPolicyOffice(t)
	change := url.Values{"file": {"square.cedar"}, "text": {strings.ReplaceAll(quietYard, "\n", "\r\n")}, "reason": {"council-decision"}}
	for _, who := range []string{"", "officer", "auditor", "traffic"} {
		o.is(o.ask(who, "/access/propose", nil), http.StatusForbidden)
		o.is(o.ask(who, "/access/propose", change), http.StatusForbidden)
	}
	w := o.ask("admin", "/access/propose", change)
	o.is(w, http.StatusSeeOther)
	page := w.Header().Get("Location")
	if page != "/access/proposals/2" {
		t.Fatalf("it leads to %q", page)
	}
	o.is(o.ask("admin", page, nil), http.StatusOK, "your own", page+"/withdraw", "Nobody looks at &lt;the&gt; square.")
	if w := o.ask("admin", page, nil); strings.Contains(w.Body.String(), "/decide") {
		t.Error("one's own proposal can be decided")
	}
	o.is(o.ask("admin", page+"/decide", url.Values{"do": {"approve"}}), http.StatusForbidden)
	o.is(o.ask("traffic", page+"/decide", url.Values{"do": {"approve"}}), http.StatusForbidden)
	o.is(o.ask("officer", page+"/withdraw", url.Values{}), http.StatusForbidden)
	o.is(o.ask("officer", page+"/decide", url.Values{}), http.StatusBadRequest)
	o.is(o.ask("", page, nil), http.StatusForbidden)
	o.is(o.ask("officer", page, nil), http.StatusOK, page+"/decide", "A decision of the council", "No role may do more or less")
	o.is(o.ask("officer", page+"/decide", url.Values{"do": {"approve"}}), http.StatusSeeOther)
	o.is(o.ask("officer", page+"/decide", url.Values{"do": {"approve"}}), http.StatusNotFound)
	if files := o.live.Files(); len(files) != 1 || files[0].Text != quietYard {
		t.Errorf("in effect is %+v", files)
	}
	o.is(o.ask("officer", "/access/changes", nil), http.StatusOK, "agreed to proposal 2", "square.cedar")
	o.is(o.ask("", "/access", nil), http.StatusOK, "added 1 policy of its own", "the city&#39;s own")
	o.is(o.ask("admin", "/access/propose?file=square.cedar", nil), http.StatusOK, "no-looks-at-the-square", "Leave it empty")
	// Taken away again, and withdrawn.
	w = o.ask("admin", "/access/propose", url.Values{"file": {"square.cedar"}, "text": {" \r\n"}, "reason": {"trial-ends"}})
	o.is(w, http.StatusSeeOther)
	o.is(o.ask("admin", w.Header().Get("Location")+"/withdraw", url.Values{}), http.StatusSeeOther)
	o.is(o.ask("officer", w.Header().Get("Location"), nil), http.StatusNotFound)
	o.is(o.ask("officer", "/access/proposals/nothing", nil), http.StatusNotFound)
}

// TestWhatAProposalComesTo names each role that could do more.
func TestWhatAProposalComesTo(t *testing.T) {
	o := newPolicyOffice(t)
	w := o.ask("admin", "/access/propose", url.Values{"file": {"wide.cedar"}, "reason": {"new-task"}, "text": {`@id("traffic-looks")
@reason("Traffic operators look everywhere.")
permit (principal in Role::"traffic-operator", action == Action::"look-live", resource);`}})
	o.is(w, http.StatusSeeOther)
	o.is(o.ask("officer", w.Header().Get("Location"), nil), http.StatusOK, "Traffic operator, look at live scenes (elsewhere): was no, becomes for a purpose.")
}

// TestABadProposalKeepsItsText says what is wrong beside what was written.
func TestABadProposalKeepsItsText(t *testing.T) {
	o := newPolicyOffice(t)
	for text, says := range map[string]string{
		"permit everybody;": "bad.cedar:1:",
		`@id("x")@reason("y") forbid (principal, action == Action::"approve-policy", resource);`: "which a city cannot do without",
		`@id("water-desk")@reason("y") permit (principal, action, resource);`:                    "stands in operators.cedar",
	} {
		w := o.ask("admin", "/access/propose", url.Values{"file": {"bad.cedar"}, "text": {text}, "reason": {"correction"}})
		o.is(w, http.StatusBadRequest, says, strings.NewReplacer(`"`, "&#34;").Replace(text), `value="bad.cedar"`, `value="correction" selected`)
	}
	o.is(o.ask("admin", "/access/propose", url.Values{"file": {"../../x.cedar"}, "text": {quietYard}, "reason": {"correction"}}), http.StatusBadRequest, "is no name")
	o.is(o.ask("admin", "/access/propose", url.Values{"file": {"a.cedar"}, "text": {quietYard}, "reason": {"because"}}), http.StatusBadRequest, "is no reason")
	o.is(o.ask("admin", "/access/propose", url.Values{"file": {"a.cedar"}, "text": {strings.Repeat("x", 2<<20)}, "reason": {"correction"}}), http.StatusRequestEntityTooLarge, "Split it")
	if len(o.live.Proposals()) != 0 {
		t.Error("something was proposed all the same")
	}
}

func TestExplainPage(t *testing.T) {
	o := newPolicyOffice(t)
	o.is(o.ask("admin", "/access/explain", nil), http.StatusForbidden)
	o.is(o.ask("auditor", "/access/explain", nil), http.StatusOK)
	o.is(o.ask("auditor", "/access/explain?action=see-counts&camera=square", nil), http.StatusOK, "Everything that is not public", "charter-signed-in")
	o.is(o.ask("auditor", "/access/explain?action=read-public", nil), http.StatusOK, "Pages, data and files that are public")
	o.is(o.ask("auditor", "/access/explain?action=nothing", nil), http.StatusBadRequest)
	o.is(o.ask("auditor", "/access/explain?action=read-public&person=nobody", nil), http.StatusNotFound)
}
