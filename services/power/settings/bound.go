package settings

import (
	"math"
	"math/cmplx"

	"polity/services/power/grid"
)

// Bound returns losses (W) below which no setting comes that keeps the limits of voltage,
// however many settings there are; 0 where nothing can be said (no upper limit of voltage).
// It looks at no setting:
//
// Behind a line that is the only way to them, loads draw at least what they draw at the
// lowest voltage, and generators feed at most what they are rated; vars are those that are
// left with every capacitor on. Of a power S through n conductors none above V volts the
// currents add up to Σ|I|² ≥ |S|²/(nV²) (Cauchy and Schwarz), and the line loses at least
// the least eigenvalue of its resistances times that. Losses further on, those of
// transformers, and lines in loops count nothing: the bound is true and not near. Voltages
// between two phases are taken to keep the lower limit as those to earth do.
func Bound(net *grid.Network, o Options) float64 {
	if o.VMax <= 0 {
		return 0
	}
	b := &bounder{net: net, top: net.Topology(), o: o, power: make([]complex128, len(net.Buses)), times: 1}
	if net.Balanced {
		b.times = 3 // one node stands for three
	}
	b.draw()
	b.connect()
	return b.walk()
}

type bounder struct {
	net   *grid.Network
	top   *grid.Topology
	o     Options
	power []complex128 // the least that each bus takes
	times float64
	next  [][]edge
}

type edge struct{ to, id, line int } // line -1: something else

// draw sums the least that is taken at each bus.
func (b *bounder) draw() {
	for i := range b.net.Loads {
		l := &b.net.Loads[i]
		if l.OutOfService || !b.top.BusLive(l.At.Bus) {
			continue
		}
		p, q := b.least(l)
		if !b.fed(l) {
			p, q = min(0, p), min(0, q)
		}
		b.power[l.At.Bus] += complex(p, q)
	}
	high := max(1, b.o.VMax*b.o.VMax)
	for i := range b.net.Generators {
		g := &b.net.Generators[i]
		if !g.OutOfService {
			b.power[g.At.Bus] -= complex(max(0, real(g.S))*high, max(0, imag(g.S), g.QMax, -g.QMin)*high)
		}
	}
	for i := range b.net.Shunts {
		s, vars := &b.net.Shunts[i], 0.0
		for _, x := range s.Steps {
			vars += max(0, imag(x.Y))
		}
		volts := b.volts(s.At.Bus)
		if s.Delta || len(s.Low.Nodes) > 0 {
			volts *= 2
		}
		b.power[s.At.Bus] -= complex(0, b.times*vars*float64(s.Phases)*volts*volts)
	}
}

// volts is the highest voltage to earth that a bus may have.
func (b *bounder) volts(bus int) float64 {
	return b.o.VMax * b.net.Buses[bus].BaseKV * 1000 / math.Sqrt(3)
}

func (b *bounder) fed(l *grid.Load) bool {
	for _, v := range b.top.Terminal(l.At) {
		if v >= 0 && !b.top.Live[v] {
			return false
		}
	}
	return true
}

// least is the least that a load draws while its voltage keeps the limits.
func (b *bounder) least(l *grid.Load) (p, q float64) {
	nominal := b.net.Buses[l.At.Bus].BaseKV * 1000 / math.Sqrt(3)
	if n := l.At.Nodes; l.Delta || (l.Phases == 1 && len(n) >= 2 && n[0] != grid.Earth && n[1] != grid.Earth) {
		nominal *= math.Sqrt(3)
	}
	low, high := 0.0, 2.0
	if l.Volts > 0 {
		low, high = b.o.VMin*nominal/l.Volts, b.o.VMax*nominal/l.Volts
	}
	// As an impedance it draws least; every model here draws more, outside its range too.
	falls := min(1, low*low)
	kp, kq := falls, falls
	switch l.Model {
	case grid.ConstantPower, grid.ConstantPFixedQ:
		if low >= l.VMin {
			kp, kq = 1, 1
		}
	case grid.ConstantPQuadQ, grid.ConstantPFixedX:
		if low >= l.VMin {
			kp = 1
		}
	case grid.Exponential:
		if l.ExpP < 0 || l.ExpP > 2 {
			kp = 0
		}
		if l.ExpQ < 0 || l.ExpQ > 2 {
			kq = 0
		}
	case grid.Mixed:
		for i, part := range l.ZIP[:6] {
			if part < 0 && i < 3 || low < l.ZIP[6] {
				kp = 0
			}
			if part < 0 && i >= 3 || low < l.ZIP[6] {
				kq = 0
			}
		}
	}
	most := max(1, high*high)
	side := func(s, k float64) float64 {
		if s < 0 {
			return s * most
		}
		return s * k
	}
	return side(real(l.S), kp), side(imag(l.S), kq)
}

// connect lists what joins buses; lines' own vars are taken off at their ends.
func (b *bounder) connect() {
	b.next = make([][]edge, len(b.net.Buses)+1)
	id := 0
	join := func(x, y, line int) {
		b.next[x] = append(b.next[x], edge{y, id, line})
		b.next[y] = append(b.next[y], edge{x, id, line})
		id++
	}
	for i := range b.net.Lines {
		l := &b.net.Lines[i]
		if !l.Closed() {
			continue
		}
		join(l.Ends[0].Bus, l.Ends[1].Bus, i)
		vars := 0.0
		for _, y := range l.Shunt.Data {
			vars += cmplx.Abs(y)
		}
		for _, end := range l.Ends { // all of it at each end: at most half is there
			volts := b.volts(end.Bus)
			b.power[end.Bus] -= complex(0, b.times*vars*volts*volts)
		}
	}
	for i := range b.net.Transformers {
		t := &b.net.Transformers[i]
		for w := 1; w < len(t.Windings) && !t.OutOfService; w++ {
			join(t.Windings[0].Bus, t.Windings[w].Bus, -1)
		}
	}
	for i := range b.net.Shunts {
		if s := &b.net.Shunts[i]; len(s.Low.Nodes) > 0 {
			join(s.At.Bus, s.Low.Bus, -1)
		}
	}
	for i := range b.net.Sources {
		if s := &b.net.Sources[i]; !s.OutOf {
			join(len(b.net.Buses), s.At.Bus, -1)
		}
	}
}

// walk goes down from the sources and sums what each line loses at least that is the only
// way to what lies behind it (a bridge: Tarjan, Information Processing Letters 2, 1974).
func (b *bounder) walk() (watts float64) {
	n := len(b.next)
	seen, low := make([]int, n), make([]int, n)
	count := 0
	var down func(at, by int) complex128
	down = func(at, by int) complex128 {
		count++
		seen[at], low[at] = count, count
		var power complex128
		if at < len(b.power) {
			power = b.power[at]
		}
		for _, e := range b.next[at] {
			switch {
			case e.id == by:
			case seen[e.to] > 0:
				low[at] = min(low[at], seen[e.to])
			default:
				behind := down(e.to, e.id)
				low[at] = min(low[at], low[e.to])
				if e.line >= 0 && low[e.to] > seen[at] {
					loss := b.loses(&b.net.Lines[e.line], e.to, behind)
					watts += loss
					behind += complex(loss, 0)
				}
				power += behind
			}
		}
		return power
	}
	down(n-1, -1)
	return watts
}

// loses is the least that a line loses with at least a power behind it.
func (b *bounder) loses(l *grid.Line, behind int, power complex128) float64 {
	p, q := max(0, real(power)), max(0, imag(power))
	volts := b.volts(behind)
	conductors := 0.0
	for i, k := range l.Ends[0].Nodes {
		if k > 3 || l.Ends[1].Nodes[i] > 3 {
			return 0 // of neutrals no limit is known
		}
		if (l.Open[0]|l.Open[1])>>i&1 == 0 {
			conductors++
		}
	}
	if conductors == 0 || volts == 0 {
		return 0
	}
	return max(0, leastEigen(l.Z)) * (p*p + q*q) / (conductors * b.times * volts * volts)
}

// leastEigen is the least eigenvalue of a matrix's real part, by Jacobi's rotations.
func leastEigen(z grid.Matrix) float64 {
	n := z.N
	a := make([][]float64, n)
	for i := range a {
		a[i] = make([]float64, n)
		for j := range a[i] {
			a[i][j] = (real(z.At(i, j)) + real(z.At(j, i))) / 2
		}
	}
	for range 50 {
		off := 0.0
		for i := range n {
			for j := range i {
				off += a[i][j] * a[i][j]
				rotate(a, j, i)
			}
		}
		if off < 1e-24 {
			break
		}
	}
	least := math.Inf(1)
	for i := range a {
		least = min(least, a[i][i])
	}
	return least * (1 - 1e-9)
}

// rotate makes one pair of a symmetric matrix zero.
func rotate(a [][]float64, p, q int) {
	if a[p][q] == 0 {
		return
	}
	theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := math.Copysign(1/(math.Abs(theta)+math.Sqrt(theta*theta+1)), theta)
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	for k := range a {
		x, y := a[k][p], a[k][q]
		a[k][p], a[k][q] = c*x-s*y, s*x+c*y
	}
	for k := range a {
		x, y := a[p][k], a[q][k]
		a[p][k], a[q][k] = c*x-s*y, s*x+c*y
	}
}
