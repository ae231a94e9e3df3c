package main

import (
	"cmp"
	"image"
	"math"
	"math/rand/v2"
	"slices"

	"polity/bench/harness/truth"
)

// The films in which people stand.
const (
	standFilms   = 3
	standPlaces  = 12
	standSeconds = 400.0 // of each film
	standFirst   = 60.0  // nobody comes earlier, but for those who are there at the start
	standAfter   = 45.0  // seconds of film that are left when someone has gone, at least
	standApart   = 2.2   // heights between two in the same film
)

// standTimes are how long people stand, in seconds: 20 s to 5 min. Those of thereAtFirst
// (by number) stand there at the first frame.
var (
	standTimes   = [standPlaces]float64{20, 30, 40, 60, 75, 90, 110, 130, 160, 200, 240, 290}
	thereAtFirst = map[int]bool{0: true, 3: true, 7: true, 10: true}
)

// plan places cut-out people in films: twelve places where the film's people have
// been, at the size that people have there. Every fourth is seated; half of the
// others walked away from the camera, as far as there are such.
func plan(s *subject, cuts []*cutout, seed uint64) [][]*stander {
	rng := rand.New(rand.NewPCG(seed, 2))
	var feet []truth.Person
	for _, frame := range s.truth.Frames() {
		feet = append(feet, s.truth[frame]...)
	}
	films := make([][]*stander, standFilms)
	used := map[*cutout]int{}
	for n, k := range rng.Perm(standPlaces) {
		film := &films[n%standFilms]
		for range 1000 {
			at := feet[rng.IntN(len(feet))].Box()
			height := heightAt(feet, at.Max.Y, s.height)
			c := closest(cuts, used, height, n%2 == 0)
			person := newStander(rng, c)
			if n%4 == 3 {
				person.cut, person.seated = c.seated(), true
			}
			person.name, person.scale = n+1, height/float64(c.height)
			person.x, person.y = float64(at.Min.X+at.Max.X)/2, float64(at.Max.Y)
			person.arrives, person.goes = 0, standTimes[k]
			if !thereAtFirst[k] {
				room := standSeconds - standAfter - standFirst - standTimes[k] - walkSeconds
				person.arrives = standFirst + max(0, room)*rng.Float64()
				person.goes = person.arrives + standTimes[k]
			} else {
				person.arrives = -2 * walkSeconds
			}
			if fits(s, *film, person, height) {
				used[c]++
				*film = append(*film, person)
				break
			}
		}
	}
	return films
}

// heightAt returns how high people are whose feet are at y: the median of those
// within a twentieth of the picture's height.
func heightAt(feet []truth.Person, y, height int) float64 {
	var heights []int
	for _, p := range feet {
		if d := p.Box().Max.Y - y; max(d, -d) <= height/20 {
			heights = append(heights, p.Box().Dy())
		}
	}
	slices.Sort(heights)
	return float64(heights[len(heights)/2])
}

// closest returns the cut-out whose size is closest, among those used least and of
// the wanted facing.
func closest(cuts []*cutout, used map[*cutout]int, height float64, away bool) *cutout {
	return slices.MinFunc(cuts, func(a, b *cutout) int {
		if c := cmp.Compare(used[a], used[b]); c != 0 {
			return c
		}
		if a.away != b.away {
			if a.away == away {
				return -1
			}
			return 1
		}
		off := func(c *cutout) float64 { return math.Round(4 * math.Abs(math.Log(float64(c.height)/height))) }
		return cmp.Compare(off(a), off(b))
	})
}

// fits says whether the person stands wholly in the picture, far enough from others.
func fits(s *subject, film []*stander, p *stander, height float64) bool {
	box := p.standing()
	if !box.Inset(-2).In(image.Rect(0, 0, s.width, s.height)) {
		return false
	}
	return !slices.ContainsFunc(film, func(o *stander) bool {
		return math.Hypot(o.x-p.x, o.y-p.y) < standApart*height
	})
}
