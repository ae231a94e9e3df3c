package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"polity/access"
	"polity/access/account"
	"polity/access/account/accounttest"
	"polity/access/policy"
)

// staff lets operators of the desk traffic in, as pages do, with an authenticator made of
// software, before the hub is there; their sign-ins are the hub's from then on. It
// returns their cookies.
func staff(ctx context.Context, data, origin string, operators int) (cookies []*http.Cookie, err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	shipped, err := policy.New(nil, nil)
	if err != nil {
		return nil, err
	}
	people, err := account.Open(ctx, account.Config{Path: filepath.Join(data, "access.db"), Decider: shipped, Settings: account.Settings{Origin: origin}})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closing := people.Close(); err == nil {
			err = closing
		}
	}()
	first := accounttest.NewBrowser(people)
	code, _, err := people.FirstCode(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := first.Enrol(code.Text, "First")
	if err != nil {
		return nil, err
	}
	for n := range operators {
		rights := account.Rights{Body: people.Bodies()[0].Name, Roles: []access.Role{access.TrafficOperator}}
		d, err := people.Invite(ctx, admin, fmt.Sprintf("Operator %d", n+1), rights)
		if err != nil {
			return nil, err
		}
		b := accounttest.NewBrowser(people)
		b.Address = fmt.Sprintf("192.0.2.%d:50000", 10+n)
		if _, err := b.Enrol(d.Code.Text, ""); err != nil {
			return nil, err
		}
		for _, c := range b.Cookies {
			cookies = append(cookies, c)
		}
	}
	if len(cookies) != operators {
		return nil, fmt.Errorf("%d cookies for %d operators", len(cookies), operators)
	}
	return cookies, nil
}
