// Package calibrate makes a network's model say what is measured: multipliers of
// demand by area and of roughness by group of pipes, each with its uncertainty, and
// the state of the network at a moment.
//
// The method is Gauss-Newton on a least-squares problem with a prior, so that what the
// instruments cannot tell stays what the model said, with a wide interval (L. E.
// Ormsbee, Implicit Network Calibration, J. Water Resour. Plann. Manage. 115(2), 1989;
// Z. Kapelan et al., Calibration of water distribution hydraulic models using a
// Bayesian-type procedure, J. Hydraul. Eng. 133(8), 2007). Every sensor's constant
// offset is estimated beside, since a height that is a decimetre wrong looks like one.
package calibrate

import (
	"context"
	"math"
	"time"

	"polity/city"
	"polity/services/water/epanet"
	"polity/services/water/network"
	"polity/services/water/scada"
	"polity/services/water/steady"
)

// Options say what is believed beforehand. All spreads are standard deviations.
type Options struct {
	Areas    []Group // of nodes; none: the zones between meters
	Pipes    []Group // none: by diameter and roughness
	Hours    []int   // of the day that are compared
	Demand   float64 // of a multiplier, as its logarithm
	Rough    float64
	Offset   float64 // m, of a pressure sensor's constant error
	Pressure float64 // m, of an hour's mean
	Flow     float64 // relative, of an hour's mean
}

// Default are the usual beliefs.
func Default() Options {
	return Options{Hours: []int{2, 4, 7, 9, 12, 15, 18, 21}, Demand: 0.2, Rough: 0.15, Offset: 0.2, Pressure: 0.05, Flow: 0.02}
}

// Parameter is a multiplier, or an offset in metres.
type Parameter struct {
	Name      string
	Value     float64
	Low, High float64 // 95% interval
	// Learnt is by how much the measurements narrowed what was believed: 0 not at all,
	// 1 all.
	Learnt float64
}

// Result is a calibrated model.
type Result struct {
	Demands, Roughness, Offsets []Parameter
	// Root mean square differences of pressures from the model, in m, after each
	// sensor's mean is taken off before, and as calibrated.
	Before, After float64
	// Misfit is the square of the differences by what was believed of them: far above 1
	// says that the model's form is wrong, or that leaks or faulty sensors are in it.
	Misfit float64
	Rounds int
	File   *network.File // with demands and roughness as calibrated

	twin *twin
	fit  *solution
}

// Calibrate compares the mean day of the measurements with the model.
func Calibrate(ctx context.Context, dial epanet.Dialer, n *network.Network, d *scada.Data, o Options) (*Result, error) {
	t, err := newTwin(n, d, o)
	if err != nil {
		return nil, err
	}
	var moments []moment
	for _, h := range o.Hours {
		m, ok := t.mean(h)
		if ok {
			moments = append(moments, m)
		}
	}
	if len(moments) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: at none of the hours %v are flows and levels known, so nothing can be compared", d.Pressures.Name, o.Hours)
	}
	p := t.problem(ctx, dial, moments)
	s, err := p.solve()
	if err != nil {
		return nil, err
	}
	r := &Result{Misfit: s.chi, Rounds: s.rounds, twin: t, fit: s}
	for j := range s.theta {
		sd := math.Sqrt(s.cov[j][j])
		x := Parameter{Name: t.name(j), Value: s.theta[j], Low: s.theta[j] - 1.96*sd, High: s.theta[j] + 1.96*sd, Learnt: max(0, 1-sd/p.prior[j])}
		switch {
		case j < len(t.o.Areas):
			r.Demands = append(r.Demands, x.exp())
		case j < len(t.o.Areas)+len(t.o.Pipes):
			r.Roughness = append(r.Roughness, x.exp())
		default:
			r.Offsets = append(r.Offsets, x)
		}
	}
	rows := t.pressures(p, len(moments))
	r.Before, r.After = rms(t.withoutMean(s.first, len(moments)), rows), rms(s.residual, rows)
	r.File = t.file(s.theta)
	return r, nil
}

func (x Parameter) exp() Parameter {
	x.Value, x.Low, x.High = math.Exp(x.Value), math.Exp(x.Low), math.Exp(x.High)
	return x
}

func rms(values []float64, which []int) float64 {
	sum := 0.0
	for _, i := range which {
		sum += values[i] * values[i]
	}
	return math.Sqrt(sum / math.Max(1, float64(len(which))))
}

// Estimate is the state of the network over an hour.
type Estimate struct {
	Pressure []float64   // by node, m
	Spread   []float64   // its standard deviation
	Areas    []Parameter // demand in that hour against the calibrated model
	Misfit   float64     // as in Result
}

// Estimate computes the state over the hour that begins at a time, from the pressures
// and flows then measured.
func (r *Result) Estimate(ctx context.Context, dial epanet.Dialer, at time.Time) (*Estimate, error) {
	t := r.twin
	first := int(at.Sub(t.d.Pressures.Start) / t.d.Pressures.Step)
	if first < 0 || first+t.perHour > t.d.Pressures.Len() {
		return nil, city.Errorf(city.Invalid, "%s is not within the measurements, which begin at %s and cover %d days", at.Format(time.DateTime), t.d.Pressures.Start.Format(time.DateTime), t.d.Pressures.Len()/t.perHour/24)
	}
	m, ok := t.hour([]int{first})
	if !ok {
		return nil, city.Errorf(city.Invalid, "flows of pumps or levels are missing over the hour from %s, so its state cannot be computed", at.Format(time.DateTime))
	}
	areas := len(t.o.Areas)
	p := t.problem(ctx, dial, []moment{m})
	whole := p.model
	calibrated := r.fit.theta
	p.model = func(points [][]float64) ([][]float64, error) {
		full := make([][]float64, len(points))
		for i, x := range points {
			full[i] = append([]float64(nil), calibrated...)
			for j, v := range x {
				full[i][j] += v
			}
		}
		return whole(full)
	}
	p.prior, p.step = p.prior[:areas], p.step[:areas]
	s, err := p.solve()
	if err != nil {
		return nil, err
	}
	e, err := t.everywhere(ctx, dial, m, calibrated, s)
	if err != nil {
		return nil, err
	}
	for i, v := range e.Spread { // what calibration leaves unexplained is in every pressure
		e.Spread[i] = math.Hypot(v, r.After)
	}
	return e, nil
}

// everywhere carries demands and their covariance to the pressures of all nodes.
func (t *twin) everywhere(ctx context.Context, dial epanet.Dialer, m moment, calibrated []float64, s *solution) (*Estimate, error) {
	areas := len(t.o.Areas)
	points := [][]float64{append([]float64(nil), calibrated...)}
	for j := range areas {
		points[0][j] += s.theta[j]
	}
	for j := range areas {
		x := append([]float64(nil), points[0]...)
		x[j] += difference
		points = append(points, x)
	}
	results := make([]steady.Result, len(points))
	model := t.model
	model.Nodes = nil
	err := model.Solve(ctx, dial, len(points), func(i int) steady.State { return t.state(m, points[i]) }, func(i int, r steady.Result) error {
		results[i] = r
		return nil
	})
	if err != nil {
		return nil, err
	}
	e := &Estimate{Pressure: results[0].Pressure, Spread: make([]float64, len(t.n.Nodes)), Misfit: s.chi}
	for i := range e.Spread {
		sum := 0.0
		for a := range areas {
			for b := range areas {
				sum += s.cov[a][b] * (results[1+a].Pressure[i] - e.Pressure[i]) / difference * (results[1+b].Pressure[i] - e.Pressure[i]) / difference
			}
		}
		e.Spread[i] = math.Sqrt(sum)
	}
	for j := range areas {
		sd := math.Sqrt(s.cov[j][j])
		e.Areas = append(e.Areas, Parameter{Name: t.o.Areas[j].Name, Value: s.theta[j], Low: s.theta[j] - 1.96*sd, High: s.theta[j] + 1.96*sd, Learnt: max(0, 1-sd/t.o.Demand)}.exp())
	}
	return e, nil
}
