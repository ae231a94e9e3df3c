package leaks

// course is how a leak runs over the days, as a part of its greatest size: a burst at
// once, or a hole whose diameter grows evenly, so that its area and flow grow with the
// square of time.
type course struct {
	from  int // first day
	grows int // days until it is full; 0: at once
	until int // first day without it; never: it runs
}

const never = 1 << 30

// at is the part of its size on a day.
func (c course) at(day int) float64 {
	switch {
	case day < c.from || day >= c.until:
		return 0
	case day-c.from >= c.grows:
		return 1
	}
	part := (float64(day-c.from) + 0.5) / float64(c.grows)
	return part * part
}

// seen is a course as the filter of each class shows it, from its first day on.
type seen struct {
	from  int
	value [classes][]float64
	power [classes]float64 // sum of squares
}

// see runs a course through the filters up to a day.
func (n *noise) see(c course, day int) *seen {
	s := &seen{from: c.from}
	for k := range classes {
		l := level{gain: n.gain[k], seen: c.from}
		s.value[k] = make([]float64, 0, max(0, day-c.from+1))
		for t := c.from; t <= day; t++ {
			v := l.next(c.at(t))
			s.value[k] = append(s.value[k], v)
			s.power[k] += v * v
		}
	}
	return s
}

// dot is the product of two courses as the filter of a class shows them.
func (s *seen) dot(o *seen, class int) float64 {
	from := max(s.from, o.from)
	a, b := s.value[class], o.value[class]
	sum := 0.0
	for t := from; t-s.from < len(a) && t-o.from < len(b); t++ {
		sum += a[t-s.from] * b[t-o.from]
	}
	return sum
}
