package consoletest

import (
	"context"

	"polity/city"
	traffic "polity/services/traffic/live"
	"polity/services/traffic/network"
	"polity/services/traffic/plan"
	roads "polity/services/traffic/street"
	"polity/services/traffic/whatif"
)

// crossroads is the made-up street whose first junction has plans to look at, as j1.
func crossroads() (*network.Network, error) {
	n, err := roads.Corridor("Harbour Street", "Mill Lane", "Church Lane")
	if err == nil {
		n.Junctions[0].ID = "j1"
	}
	return n, err
}

func barsOf(j *network.Junction, p *network.Plan) (list []traffic.Bar) {
	t := plan.Of(j, *p)
	for g := range j.Groups {
		list = append(list, traffic.Bar{Name: j.Groups[g].Name, Greens: t.Greens[j.GroupID(g)]})
	}
	return list
}

// Plans are those of j1.
func (t *Traffic) Plans(junction string) (*traffic.PlanView, error) {
	n, err := crossroads()
	if err != nil || junction != "j1" {
		return nil, city.Errorf(city.NotFound, "there is no junction %s", junction)
	}
	j := n.Junctions[0]
	v := &traffic.PlanView{Junction: "j1", Name: "Harbour Street / Mill Lane", Told: true, Connected: true}
	for i := range j.Plans {
		p := &j.Plans[i]
		one := traffic.PlanOf{ID: p.ID, Runs: i == 0, Present: plan.Present(j, p, nil), Cycle: p.Cycle(), Bars: barsOf(j, p)}
		band := 0
		for _, ph := range p.Phases {
			x := traffic.PhaseOf{Lasts: ph.Duration, Band: -1}
			greens, ambers := j.StateGroups(ph.State)
			for g := range greens.All() {
				x.Greens = append(x.Greens, j.Groups[g].Name)
			}
			for g := range ambers.All() {
				x.Changes = append(x.Changes, j.Groups[g].Name)
			}
			if greens != 0 {
				x.Band = band
				band++
			}
			one.Phases = append(one.Phases, x)
		}
		v.Plans = append(v.Plans, one)
	}
	return v, nil
}

// Try checks and simulates as the service does.
func (t *Traffic) Try(ctx context.Context, c plan.Change) (*traffic.Trial, error) {
	n, err := crossroads()
	if err != nil {
		return nil, err
	}
	j := n.Junctions[0]
	own, _ := plan.Find(j, c.Plan)
	if own == nil {
		return nil, city.Errorf(city.NotFound, "there is no plan %s", c.Plan)
	}
	trial := &traffic.Trial{Junction: "Harbour Street / Mill Lane", Change: c, Today: plan.Present(j, own, nil), ChangeWords: c.Words(j), Problems: c.Check(j), Made: "As many vehicles and people come as to the made-up street at its peak."}
	trial.TodayWords = trial.Today.Words(j)
	p, err := c.Apply(j)
	if err != nil {
		return trial, nil //nolint:nilerr // it is among the problems
	}
	trial.Cycle, trial.Bars = p.Cycle(), barsOf(j, &p)
	if len(trial.Problems) > 0 {
		return trial, nil
	}
	other := n.Junctions[1].Plans[0]
	trial.Compared, err = whatif.Study{Network: n, Before: []network.Plan{*own, other}, After: []network.Plan{p, other}, Draws: 1}.Run(ctx)
	if err == nil {
		trial.Words = whatif.Words(trial.Compared)
	}
	return trial, err
}

// ProposePlan proposes nothing.
func (t *Traffic) ProposePlan(context.Context, plan.Change, string, string) (string, error) {
	return "plan-j1-1", nil
}
