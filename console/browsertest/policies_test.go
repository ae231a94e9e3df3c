package browsertest

import (
	"path/filepath"
	"sync"
	"testing"

	"polity/access"
	"polity/access/policy"
)

var (
	policiesOnce sync.Once
	thePolicies  *policy.Live
)

// newPolicies are those of the tests' city, one for all of them: they only read them. One
// policy is the city's own, and one change waits as proposal 4.
func newPolicies(t testing.TB) *policy.Live {
	t.Helper()
	t = lasting(t)
	policiesOnce.Do(func() {
		dir := t.TempDir()
		live, err := policy.Open(policy.Config{Folder: filepath.Join(dir, "policies"), Book: filepath.Join(dir, "policies.jsonl"), Now: running()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := live.Close(); err != nil {
				t.Error(err)
			}
		})
		admin := access.Who{Kind: access.Person, ID: "p7", Roles: []access.Role{access.IT}}
		officer := access.Who{Kind: access.Person, ID: "p8", Roles: []access.Role{access.DataProtection}}
		files := []policy.File{{Name: "hospital.cedar", Text: `@id("no-looks-at-the-hospital")
@reason("Nobody looks at the hospital's yard.")
@ask("Ask the data protection officer.")
forbid (principal, action == Action::"look-live", resource == Camera::"hospital-yard");
`}}
		p, err := live.Propose(admin, files, "council-decision")
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Approve(t.Context(), officer, p.Number); err != nil {
			t.Fatal(err)
		}
		files[0].Text = `@id("no-looks-at-the-hospital")
@reason("Nobody looks at the hospital's yard, now or in the past.")
@ask("Ask the data protection officer.")
forbid (principal, action in [Action::"look-live", Action::"look-back"], resource == Camera::"hospital-yard");
`
		files = append(files, policy.File{Name: "junctions.cedar", Text: `@id("traffic-looks-at-junctions")
@reason("Traffic operators look at every camera, for a trial of a year.")
permit (principal in Role::"traffic-operator", action == Action::"look-live", resource);
`})
		if _, err := live.Propose(admin, files, "audit-finding"); err != nil {
			t.Fatal(err)
		}
		thePolicies = live
	})
	return thePolicies
}
