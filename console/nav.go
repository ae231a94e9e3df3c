package console

import (
	"strings"

	"polity/access"
)

// navItem is a way to a page.
type navItem struct {
	Path, Name string
	Here       bool
}

// nav leads to what everyone sees.
func (c *Console) nav(r *request) []navItem {
	items := []navItem{
		{Path: "/", Name: c.say.Say("nav.map")},
		{Path: "/cameras", Name: c.say.Say("nav.cameras")},
		{Path: "/sensors", Name: c.say.Say("nav.sensors")},
		{Path: "/transit", Name: c.say.Say("nav.transit")},
		{Path: "/services", Name: c.say.Say("nav.services")},
	}
	if c.cfg.Book != nil {
		items = append(items, navItem{Path: "/looks", Name: c.say.Say("nav.looks")})
	}
	if c.cfg.Record != nil {
		items = append(items, navItem{Path: "/record", Name: c.say.Say("nav.record")})
	}
	if c.cfg.Data.Published != nil {
		items = append(items, navItem{Path: "/data", Name: c.say.Say("nav.data")})
	}
	return here(r, append(items, navItem{Path: "/check", Name: c.say.Say("nav.check")}))
}

// work leads to what the tasks of whoever signed in need.
func (c *Console) work(r *request) []navItem {
	if r.signedIn() == "" {
		return nil
	}
	var items []navItem
	if c.cfg.Alerts != nil && c.allowed(r, access.SeeAlerts, access.Service(someDesk)) {
		items = append(items, navItem{Path: "/room", Name: c.say.Say("room.title")})
	}
	items = append(items, c.decisionNav(r)...)
	items = append(items, c.orderNav(r)...)
	items = append(items, c.caseNav(r)...)
	if r.viewer.Operate {
		items = append(items, navItem{Path: "/system", Name: c.say.Say("nav.system")})
	}
	if c.allowed(r, access.SeePeople, access.City()) {
		items = append(items, navItem{Path: "/people", Name: c.say.Say("nav.people")})
	}
	if c.cfg.Policies != nil && (c.mayChange(r) || c.allowed(r, access.ReviewAccess, access.City())) {
		items = append(items, navItem{Path: "/access", Name: c.say.Say("nav.access")})
	}
	return here(r, items)
}

// here marks where the reader is: the longest address that the page lies under.
func here(r *request, items []navItem) []navItem {
	at := -1
	for i := range items {
		p := items[i].Path
		if (r.URL.Path == p || (p != "/" && strings.HasPrefix(r.URL.Path, p+"/"))) && (at < 0 || len(p) > len(items[at].Path)) {
			at = i
		}
	}
	if at >= 0 {
		items[at].Here = true
	}
	return items
}
