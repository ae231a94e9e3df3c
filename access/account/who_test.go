package account_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
)

// FuzzWho asks with headers and addresses that nobody was given: it is the public or
// refused, and never the store's fault.
func FuzzWho(f *testing.F) {
	s := accounttest.Found(f, accounttest.Open(f, account.Config{}))
	f.Add("/x", "a=b", "Bearer polity_"+strings.Repeat("0", 52), "polity-8080="+strings.Repeat("0", 52), "Mozilla/5.0")
	f.Add("/polity_"+strings.Repeat("z", 52), "%70olity_"+strings.Repeat("1", 52), "Basic eA==", "polity-8080=", "")
	f.Add("", "%%%polity_%", "bearer ", "polity-8080=\"\x00\"", "Chrome/1 Android")
	f.Fuzz(func(t *testing.T, path, query, authorization, cookies, agent string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path, RawQuery: query}, RemoteAddr: "192.0.2.1:1", Header: http.Header{"Authorization": {authorization}, "Cookie": {cookies}, "User-Agent": {agent}}}
		who, err := s.Accounts.Who(r)
		if who.Kind != access.Public {
			t.Fatalf("it is %+v", who)
		}
		if err != nil && err != account.ErrLeaked { //nolint:errorlint // no other may come
			t.Fatal(err)
		}
		if strings.Contains(path+query, "polity_"+strings.Repeat("0", 52)) && err == nil {
			t.Fatal("a token in the address passed")
		}
	})
}
