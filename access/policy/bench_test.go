package policy

import (
	"testing"

	"polity/access"
)

func BenchmarkDecide(b *testing.B) {
	p := shippedPolicies(b)
	for name, c := range map[string]struct {
		who access.Who
		do  access.Action
		on  access.Thing
	}{
		"public":  {access.Who{}, access.ReadPublic, access.City()},
		"look":    {looker, access.LookLive, market},
		"denied":  {person(access.TrafficOperator), access.LookLive, market},
		"alerts":  {person(access.PowerOperator), access.SeeAlerts, access.Service(access.Power)},
		"program": {program(access.ReadData), access.ReadData, access.City()},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(c.who, c.do, c.on, access.Circumstances{})
			}
		})
	}
}
