package leaks

// look is what the days say about one course, leaks that are known being taken off:
// for every row the sum of what the course shows, and what may be wrong with it.
type look struct {
	sum    []float64
	weight []float64 // of each row, 1 where known leaks leave no doubt
	power  [classes]float64
	split  int
	size   float64 // weighted square of all, in units of its spread
}

// look sums the days up. without is a leak whose own water stays in.
func (d *detector) look(s *seen, day int, without *leak) *look {
	m := len(d.noise.place)
	l := &look{sum: make([]float64, m), weight: make([]float64, m), power: s.power, split: d.noise.split}
	for t := s.from; t <= day; t++ {
		row := d.rest[t]
		f, g := s.value[modelled][t-s.from], s.value[balances][t-s.from]
		for i := range l.split {
			l.sum[i] += f * row[i]
		}
		for i := l.split; i < m; i++ {
			l.sum[i] += g * row[i]
		}
	}
	doubt := make([]float64, l.split)
	for _, o := range d.leaks {
		if o == without || o.gone || o.fault {
			continue
		}
		// What flows in is no matter of the model; what a leak shows elsewhere is.
		e := d.c.ModelError * o.amount[modelled] * s.dot(o.seen, modelled)
		for i := range doubt {
			v := e * d.signs[o.link][i]
			doubt[i] += v * v
		}
	}
	if without != nil { // its water, put back
		for k := range classes {
			first, last := 0, l.split
			if k == balances {
				first, last = l.split, m
			}
			x := s.dot(without.seen, k) * without.amount[k]
			for i := first; i < last; i++ {
				l.sum[i] += x * d.signs[without.link][i]
			}
		}
	}
	for i := range l.weight {
		p := l.power[d.noise.of(i)]
		l.weight[i] = 1
		if p <= 0 {
			continue
		}
		if i < l.split {
			l.weight[i] = 1 / (1 + doubt[i]/p)
		}
		l.size += l.weight[i] * l.sum[i] * l.sum[i] / p
	}
	return l
}

// soften doubts the model's signature of a leak itself, of a size at a link.
func (l *look) soften(sign []float64, amount, modelError float64) *look {
	s := &look{sum: l.sum, weight: make([]float64, len(l.weight)), power: l.power, split: l.split}
	copy(s.weight, l.weight)
	for i := range s.split {
		v := modelError * amount * sign[i]
		s.weight[i] = 1 / (1/l.weight[i] + v*v*l.power[modelled])
	}
	for i, w := range s.weight {
		k := modelled
		if i >= s.split {
			k = balances
		}
		if s.power[k] > 0 {
			s.size += w * s.sum[i] * s.sum[i] / s.power[k]
		}
	}
	return s
}

// estimate is the best size of a leak with a signature, by class: what its pressures
// show may differ from its water by the model's error in the whole of its signature.
type estimate struct {
	amount   [classes]float64 // m³/h
	evidence float64          // log likelihood ratio against none
}

func (l *look) estimate(sign []float64, whole float64) estimate {
	var num, den [classes]float64
	num[modelled], den[modelled] = l.products(sign, 0, l.split)
	num[balances], den[balances] = l.products(sign, l.split, len(sign))
	den[modelled] *= l.power[modelled]
	den[balances] *= l.power[balances]
	all := den[modelled] + den[balances]
	if all <= 0 {
		return estimate{}
	}
	joint := (num[modelled] + num[balances]) / all
	if joint <= 0 {
		return estimate{}
	}
	if den[modelled] <= 0 || den[balances] <= 0 {
		return estimate{amount: [classes]float64{joint, joint}, evidence: 0.5 * joint * joint * all}
	}
	p, b := num[modelled]/den[modelled], num[balances]/den[balances]
	loose := whole * joint
	apart := (p - b) * (p - b) / (1/den[modelled] + 1/den[balances] + loose*loose)
	e := estimate{evidence: 0.5 * (num[modelled]*p + num[balances]*b - apart)}
	// The water: by its balance, and by its pressures as far as they can be believed.
	wp := 1 / (1/den[modelled] + loose*loose)
	e.amount[balances] = (wp*p + den[balances]*b) / (wp + den[balances])
	wb := 1 / (1/den[balances] + loose*loose)
	e.amount[modelled] = (den[modelled]*p + wb*b) / (den[modelled] + wb)
	if e.amount[modelled] <= 0 {
		e.evidence = 0
	}
	e.amount[balances] = max(e.amount[balances], 0)
	return e
}

// products are those of some rows' sums with a signature, and of the signature with
// itself, weighted. Four chains keep the processor busy: most time is spent here.
func (l *look) products(sign []float64, from, to int) (num, den float64) {
	g, w, x := sign[from:to], l.weight[from:to], l.sum[from:to]
	var n0, n1, n2, n3, d0, d1, d2, d3 float64
	i := 0
	for ; i+4 <= len(g) && i+4 <= len(w) && i+4 <= len(x); i += 4 {
		a, b, c, e := w[i]*g[i], w[i+1]*g[i+1], w[i+2]*g[i+2], w[i+3]*g[i+3]
		n0, n1, n2, n3 = n0+a*x[i], n1+b*x[i+1], n2+c*x[i+2], n3+e*x[i+3]
		d0, d1, d2, d3 = d0+a*g[i], d1+b*g[i+1], d2+c*g[i+2], d3+e*g[i+3]
	}
	for ; i < len(g); i++ {
		v := w[i] * g[i]
		n0 += v * x[i]
		d0 += v * g[i]
	}
	return n0 + n1 + n2 + n3, d0 + d1 + d2 + d3
}

// misfit is by how much the rest exceeds its spread when the best place explains what
// it can; 1 at least.
func (l *look) misfit(best float64) float64 {
	return max(1, (l.size-2*best)/float64(len(l.sum)-1))
}

// profile is the evidence of every link, and the link with the most; -1: none.
func (d *detector) profile(l *look) (evidence []float64, link int) {
	evidence, link = make([]float64, d.pipes), -1
	best := 0.0
	for j, g := range d.signs[:d.pipes] {
		if g == nil {
			continue
		}
		evidence[j] = l.estimate(g, d.c.GainError).evidence
		if evidence[j] > best {
			best, link = evidence[j], j
		}
	}
	return evidence, link
}

// fault is the sensor's fault that explains most, as a number of a sign, and its
// evidence; -1: none does.
func (d *detector) fault(l *look) (sign int, evidence float64) {
	sign = -1
	for j, g := range d.signs[d.pipes:] {
		if v := l.estimate(g, 0).evidence; v > evidence {
			sign, evidence = d.pipes+j, v
		}
	}
	return sign, evidence
}

// softProfile is the evidence of every link with the model's error allowed for, scaled
// down where even the best place fits badly.
func (d *detector) softProfile(l *look) (evidence []float64, link int) {
	_, link = d.profile(l)
	if link < 0 {
		return nil, -1
	}
	e := l.estimate(d.signs[link], d.c.GainError)
	soft := l.soften(d.signs[link], e.amount[modelled], d.c.ModelError)
	evidence, link = d.profile(soft)
	if link < 0 {
		return nil, -1
	}
	by := soft.misfit(evidence[link])
	for j := range evidence {
		evidence[j] /= by
	}
	return evidence, link
}
