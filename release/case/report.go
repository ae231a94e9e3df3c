package casefile

import (
	"fmt"
	"sync"
	"time"

	"polity/city"
	"polity/recording/segment"
)

// Span is a time of which there is no picture, and why.
type Span struct {
	From, To time.Time
	Why      string
}

// CameraReport is what there is of one camera.
type CameraReport struct {
	Camera   city.Slug
	Segments int
	Opens    int // of which both shares are right
	From, To time.Time
	Gaps     []Span   // that the recorder named
	Missing  []Span   // that the case does not have
	Problems []string // what is wrong
}

// reasons are gaps in plain words.
var reasons = map[segment.Gap]string{
	segment.Started: "the recorder was not running", segment.NoPicture: "the camera sent no picture", segment.NoEpochKey: "a body had published no key for that day",
	segment.DiskFull: "the recorder's disk was full", segment.DiskFailed: "the recorder's disk failed", segment.PowerLost: "the recorder lost power",
	segment.ClockBack: "the recorder's clock went back", segment.Refused: "the register did not allow it", segment.BadStream: "the stream could not be recorded",
	segment.TooSlow: "pictures came faster than they could be sealed",
}

// Why is a gap's reason in plain words.
func Why(g segment.Gap) string {
	if text, ok := reasons[g]; ok {
		return text
	}
	return g.String()
}

// Report tells what there is of each camera of the case. With all, each segment's file
// is read to the byte and its key is put together; told hears how far that is.
func (s *Shelf) Report(all bool, told func(done, all int)) []CameraReport {
	var reports []CameraReport
	total, done := 0, 0
	for _, camera := range s.c.Details.Cameras {
		total += len(s.Pieces(camera))
	}
	var mu sync.Mutex
	for _, camera := range s.c.Details.Cameras {
		pieces := s.Pieces(camera)
		wrong := make([]error, len(pieces))
		parallel(len(pieces), func(i int) {
			if wrong[i] = s.tries(pieces[i]); wrong[i] == nil && all {
				_, wrong[i] = s.c.scan(pieces[i].File)
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; told != nil {
				told(done, total)
			}
		})
		reports = append(reports, s.report(camera, pieces, wrong))
	}
	return reports
}

func (s *Shelf) report(camera city.Slug, pieces []*Piece, wrong []error) CameraReport {
	from, to := s.c.Details.From.Time(), s.c.Details.To.Time()
	r := CameraReport{Camera: camera, Segments: len(pieces)}
	if len(pieces) == 0 {
		r.Missing = []Span{{from, to, "nothing of this camera is here"}}
		return r
	}
	r.From, r.To = pieces[0].Start, pieces[len(pieces)-1].End
	same := map[string]int{}
	var order []string
	var chain segment.Chain
	for i, p := range pieces {
		if wrong[i] == nil {
			r.Opens++
		} else {
			text := wrong[i].Error()
			if same[text] == 0 {
				order = append(order, text)
			}
			same[text]++
		}
		r.add(&chain, p, i, pieces, from)
	}
	for _, text := range order {
		if n := same[text]; n > 1 {
			text = count(n) + ": " + text
		}
		r.Problems = append(r.Problems, text)
	}
	if last := pieces[len(pieces)-1]; !last.Cut && to.Sub(last.End) > segment.Slack {
		r.Missing = append(r.Missing, Span{last.End, to, "nothing after it is here"})
	}
	return r
}

// add holds one piece to the one before.
func (r *CameraReport) add(chain *segment.Chain, p *Piece, i int, pieces []*Piece, from time.Time) {
	h := p.Header
	if h.Gap != segment.None && h.Start.After(from) {
		since := h.GapStart
		if since.Before(from) {
			since = from
		}
		r.Gaps = append(r.Gaps, Span{since, h.Start, Why(h.Gap)})
	}
	if i == 0 {
		if h.Gap == segment.None && h.Start.Sub(from) > segment.Slack {
			r.Missing = append(r.Missing, Span{from, h.Start, "nothing before it is here"})
		}
		begin(chain, p)
		return
	}
	before := pieces[i-1]
	if n := h.Sequence - before.Header.Sequence - 1; n > 0 {
		r.Missing = append(r.Missing, Span{before.End, h.Start, count(int(n)) + " between not here"})
		begin(chain, p)
		return
	}
	if err := chain.Add(h, p.Trailer); err != nil {
		r.Problems = append(r.Problems, err.Error())
		begin(chain, p)
	}
}

// begin begins a chain anew.
func begin(chain *segment.Chain, p *Piece) {
	*chain = segment.Chain{}
	_ = chain.Add(p.Header, p.Trailer) // the first may have any predecessor
}

// count is a number of segments in words.
func count(n int) string {
	if n == 1 {
		return "1 segment"
	}
	return fmt.Sprintf("%d segments", n)
}
