package main

import (
	"context"
	"errors"
	"time"

	"polity/access"
	"polity/access/policy"
	"polity/city"
	"polity/hub"
)

// uncovered lists the addresses of the hub whose action nobody knows, or no policy permits
// by its name: a permit for everything would not count.
func uncovered() (routes int, without []string, err error) {
	p, err := policy.New(nil, nil)
	if err != nil {
		return 0, nil, err
	}
	all := hub.Routes()
	for _, r := range all {
		if !r.Do.Known() || !p.Permits(r.Do) {
			without = append(without, r.Pattern)
		}
	}
	return len(all), without, nil
}

// question is one request of the mix.
type question struct {
	who access.Who
	do  access.Action
	on  access.Thing
}

// mix is everybody asking everything.
func mix() []question {
	askers := []access.Who{{}, {Kind: access.Program, ID: "t", Scope: []access.Action{access.ReadData, access.SeeMetrics}}}
	for _, r := range access.Roles() {
		askers = append(askers, access.Who{Kind: access.Person, ID: "p", Body: "city", Roles: []access.Role{r}, Areas: []city.Slug{"centre"}, Purpose: "incident"})
	}
	var list []question
	for _, who := range askers {
		for _, a := range access.Actions() {
			switch policy.KindOf(a) {
			case access.ACamera:
				list = append(list, question{who, a, access.Camera("square", "centre")})
			case access.AService:
				for _, desk := range access.Desks() {
					list = append(list, question{who, a, access.Service(desk)})
				}
			case access.APerson:
				list = append(list, question{who, a, access.Account("q")})
			default:
				list = append(list, question{who, a, access.City()})
			}
		}
	}
	return list
}

// decide counts answers a second of the policies, and of a map from role and action.
func decide(ctx context.Context, lasts time.Duration) (decisions, lookups float64, err error) {
	p, err := policy.New(nil, nil)
	if err != nil {
		return 0, 0, err
	}
	list := mix()
	yes := 0
	decisions = count(ctx, lasts, len(list), func(i int) {
		if p.Decide(list[i].who, list[i].do, list[i].on, access.Circumstances{}).Allowed {
			yes++
		}
	})
	type key struct {
		role access.Role
		do   access.Action
	}
	may := map[key]bool{}
	for _, q := range list {
		for _, r := range q.who.Roles {
			may[key{r, q.do}] = may[key{r, q.do}] || p.Decide(q.who, q.do, q.on, access.Circumstances{}).Allowed
		}
	}
	lookups = count(ctx, lasts, len(list), func(i int) {
		for _, r := range list[i].who.Roles {
			if may[key{r, list[i].do}] {
				yes++
			}
		}
	})
	if yes == 0 {
		return 0, 0, errors.New("nobody may do anything: the policies are not the shipped ones")
	}
	return decisions, lookups, ctx.Err()
}

// count returns how often a second one goroutine does something, n different ways in turn.
func count(ctx context.Context, lasts time.Duration, n int, do func(int)) float64 {
	start, done := time.Now(), 0
	for time.Since(start) < lasts && ctx.Err() == nil {
		for i := range n {
			do(i)
		}
		done += n
	}
	return float64(done) / time.Since(start).Seconds()
}
