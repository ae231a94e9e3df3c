package scenario

import (
	"net"
	"net/http"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
)

// employ lets a safety operator in, or somebody of other roles, with the whole city to look at for a purpose, before
// the hub starts: from then on the town's requests are theirs.
func (w *town) employ(roles ...access.Role) {
	w.t.Helper()
	if len(roles) == 0 {
		roles = []access.Role{access.SafetyOperator}
	}
	_, port, err := net.SplitHostPort(w.hubAt)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mkdir("hub")
	people, err := account.Open(w.t.Context(), account.Config{Path: w.path("hub", "access.db"), Settings: account.Settings{Origin: "http://localhost:" + port}})
	if err != nil {
		w.t.Fatal(err)
	}
	operator := accounttest.Found(w.t, people).Person("Aino", roles, access.AllAreas)
	who, err := operator.Who()
	if err == nil {
		err = people.SetPurpose(w.t.Context(), who, "incident")
	}
	if err == nil {
		err = people.Close()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range operator.Cookies {
		w.signedIn = append(w.signedIn, c)
	}
}

// show puts the operator's sign-in on a request.
func (w *town) show(r *http.Request) {
	for _, c := range w.signedIn {
		r.AddCookie(c)
	}
}
