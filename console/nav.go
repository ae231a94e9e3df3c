package console

import (
	"polity/access"
	"polity/console/frame"
)

// nav leads to what everyone sees.
func (c *Console) nav() []frame.NavItem {
	items := []frame.NavItem{
		{Path: "/", Name: c.Say("nav.map")},
		{Path: "/cameras", Name: c.Say("nav.cameras")},
		{Path: "/sensors", Name: c.Say("nav.sensors")},
		{Path: "/transit", Name: c.Say("nav.transit")},
		{Path: "/services", Name: c.Say("nav.services")},
	}
	if c.cfg.Book != nil {
		items = append(items, frame.NavItem{Path: "/looks", Name: c.Say("nav.looks")})
	}
	if c.cfg.Record != nil {
		items = append(items, frame.NavItem{Path: "/record", Name: c.Say("nav.record")})
	}
	if c.cfg.Data.Published != nil {
		items = append(items, frame.NavItem{Path: "/data", Name: c.Say("nav.data")})
	}
	return append(items, frame.NavItem{Path: "/check", Name: c.Say("nav.check")})
}

// work leads to what the tasks of whoever signed in need.
func (c *Console) work(r *frame.Request) []frame.NavItem {
	if r.SignedIn() == "" {
		return nil
	}
	var items []frame.NavItem
	if c.cfg.Alerts != nil && c.Allowed(r, access.SeeAlerts, access.Service(frame.SomeDesk)) {
		items = append(items, frame.NavItem{Path: "/room", Name: c.Say("room.title")})
	}
	items = append(items, c.decisions.Nav(r)...)
	items = append(items, c.orderNav(r)...)
	items = append(items, c.caseNav(r)...)
	if r.Viewer.Operate {
		items = append(items, frame.NavItem{Path: "/system", Name: c.Say("nav.system")})
	}
	if c.Allowed(r, access.SeePeople, access.City()) {
		items = append(items, frame.NavItem{Path: "/people", Name: c.Say("nav.people")})
	}
	if c.cfg.Policies != nil && (c.mayChange(r) || c.Allowed(r, access.ReviewAccess, access.City())) {
		items = append(items, frame.NavItem{Path: "/access", Name: c.Say("nav.access")})
	}
	return items
}
