package calibrate

import "math"

// problem is a least-squares one with a prior: minimise Σ((y-f(θ))/σ)² + Σ(θ/s)².
type problem struct {
	y, sigma []float64
	prior    []float64 // s by parameter
	model    func(theta [][]float64) ([][]float64, error)
	step     []float64 // of the differences that give the slope; 0: linear, by slope
	slope    func(row, parameter int) float64
}

// solution is the best θ, its covariance, and how well it fits.
type solution struct {
	theta    []float64
	cov      [][]float64
	residual []float64 // y - f(θ)
	first    []float64 // y - f(0)
	chi      float64   // Σ(residual/σ)² by its degrees of freedom
	rounds   int
}

const (
	mostRounds = 12
	settled    = 1e-3 // a round that moves no parameter by more, in parts of its prior, is the last
)

// solve is Gauss-Newton with halved steps.
func (p *problem) solve() (*solution, error) {
	n := len(p.prior)
	s := &solution{theta: make([]float64, n)}
	values, slopes, err := p.look(s.theta)
	if err != nil {
		return nil, err
	}
	s.first = p.residual(values)
	cost := p.cost(values, s.theta)
	for s.rounds = 1; s.rounds <= mostRounds; s.rounds++ {
		move := p.move(values, slopes, s.theta)
		far := 0.0
		for j, v := range move {
			far = max(far, math.Abs(v)/p.prior[j])
		}
		better := false
		for part := 1.0; part > 0.1; part /= 2 {
			next := make([]float64, n)
			for j := range next {
				next[j] = s.theta[j] + part*move[j]
			}
			v, g, err := p.look(next)
			if err != nil {
				return nil, err
			}
			if c := p.cost(v, next); c <= cost {
				s.theta, values, slopes, cost, better = next, v, g, c, true
				break
			}
		}
		if far < settled || !better {
			break
		}
	}
	s.residual = p.residual(values)
	for i, v := range s.residual {
		s.chi += v / p.sigma[i] * v / p.sigma[i]
	}
	s.chi /= math.Max(1, float64(len(p.y)-n))
	s.cov = inverse(p.normal(slopes))
	for i := range s.cov {
		for j := range s.cov[i] {
			s.cov[i][j] *= max(1, s.chi) // what the model cannot say widens what it says
		}
	}
	return s, nil
}

// look computes values and slopes, [row][parameter].
func (p *problem) look(theta []float64) (values []float64, slopes [][]float64, err error) {
	points := [][]float64{theta}
	var which []int
	for j, h := range p.step {
		if h == 0 {
			continue
		}
		x := append([]float64(nil), theta...)
		x[j] += h
		points, which = append(points, x), append(which, j)
	}
	out, err := p.model(points)
	if err != nil {
		return nil, nil, err
	}
	slopes = make([][]float64, len(p.y))
	for i := range slopes {
		slopes[i] = make([]float64, len(theta))
		for j, h := range p.step {
			if h == 0 {
				slopes[i][j] = p.slope(i, j)
			}
		}
		for k, j := range which {
			slopes[i][j] = (out[1+k][i] - out[0][i]) / p.step[j]
		}
	}
	return out[0], slopes, nil
}

func (p *problem) residual(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = p.y[i] - v
	}
	return out
}

func (p *problem) cost(values, theta []float64) float64 {
	sum := 0.0
	for i, v := range values {
		r := (p.y[i] - v) / p.sigma[i]
		sum += r * r
	}
	for j, v := range theta {
		sum += v / p.prior[j] * v / p.prior[j]
	}
	return sum
}

func (p *problem) normal(slopes [][]float64) [][]float64 {
	n := len(p.prior)
	a := make([][]float64, n)
	for j := range a {
		a[j] = make([]float64, n)
		a[j][j] = 1 / (p.prior[j] * p.prior[j])
	}
	for i, row := range slopes {
		w := 1 / (p.sigma[i] * p.sigma[i])
		for j, v := range row {
			for k := range j + 1 {
				a[j][k] += w * v * row[k]
			}
		}
	}
	for j := range a {
		for k := range j {
			a[k][j] = a[j][k]
		}
	}
	return a
}

func (p *problem) move(values []float64, slopes [][]float64, theta []float64) []float64 {
	b := make([]float64, len(theta))
	for j, v := range theta {
		b[j] = -v / (p.prior[j] * p.prior[j])
	}
	for i, row := range slopes {
		w := (p.y[i] - values[i]) / (p.sigma[i] * p.sigma[i])
		for j, v := range row {
			b[j] += w * v
		}
	}
	out := make([]float64, len(theta))
	for j, row := range inverse(p.normal(slopes)) {
		for k, v := range row {
			out[j] += v * b[k]
		}
	}
	return out
}

// inverse of a symmetric positive matrix, by its Cholesky factor. The prior on the
// diagonal keeps it positive.
func inverse(a [][]float64) [][]float64 {
	n := len(a)
	l := make([][]float64, n)
	for i := range l {
		l[i] = make([]float64, n)
		for j := range i + 1 {
			v := a[i][j]
			for k := range j {
				v -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(v)
			} else {
				l[i][j] = v / l[j][j]
			}
		}
	}
	out := make([][]float64, n)
	for c := range out {
		x := make([]float64, n)
		for i := range n {
			v := 0.0
			if i == c {
				v = 1
			}
			for k := range i {
				v -= l[i][k] * x[k]
			}
			x[i] = v / l[i][i]
		}
		for i := n - 1; i >= 0; i-- {
			v := x[i]
			for k := i + 1; k < n; k++ {
				v -= l[k][i] * x[k]
			}
			x[i] = v / l[i][i]
		}
		out[c] = x
	}
	return out
}
