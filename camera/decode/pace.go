package decode

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// pace chooses the frames of a rate out of those that come: of the frames that
// fall into one interval of 1/rate the first. It depends on timestamps alone, so
// the same stream gives the same choice.
type pace struct {
	rate float64 // frames a second; 0 takes every frame
	set  bool
	from time.Duration // timestamp that intervals are counted from
	seen time.Duration // timestamp of the last frame that came
	last int64         // interval of the last frame taken
}

const (
	// early is the share of the time between the frames that come by which one may
	// come too soon, so that a camera's jitter at just the wanted rate loses none.
	early = 0.25
	// gap is the time without frames after which a new stretch of film begins.
	gap = 10 * time.Second
)

func (p *pace) take(pts time.Duration) bool {
	if p.rate <= 0 {
		return true
	}
	step := pts - p.seen
	p.seen = pts
	if !p.set || step < 0 || step > gap {
		p.set, p.from, p.last = true, pts, 0
		return true
	}
	// The conversion keeps the product from being fused with the sum: expression
	// rounds each.
	ahead := float64(early * min(step, p.interval()).Seconds())
	n := int64(math.Floor(((pts - p.from).Seconds() + ahead) * p.rate))
	if n <= p.last {
		return false
	}
	p.last = n
	return true
}

func (p *pace) interval() time.Duration { return time.Duration(float64(time.Second) / p.rate) }

// expression is take for ffmpeg's filter select (ffmpeg-utils(1), "Expression
// Evaluation"), whose timestamps are whole microseconds: not 0 where the frame is
// taken. It does the same operations in the same order, so that it rounds alike.
// Its variables are take's: 0 last, 1 from, 2 seen, 3 set, and 4 to 6 for a while.
func (p *pace) expression() string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	return strings.NewReplacer(
		"STEP", fmt.Sprintf("if(lte(ld(6)*1000,%d),%s,%s)", p.interval().Nanoseconds(), secondsOf("ld(6)"), number(p.interval().Seconds())),
		"SINCE", secondsOf("ld(4)"), "EARLY", number(early), "RATE", number(p.rate), "GAP", number(float64(gap.Microseconds())),
	).Replace("if(isnan(pts),1," + // as many as come without a time
		"st(6,pts-ld(2));st(2,pts);" +
		"if(not(ld(3))+lt(ld(6),0)+gt(ld(6),GAP)," +
		"st(3,1);st(1,pts);st(0,0);1," +
		"st(4,pts-ld(1));st(5,floor((SINCE+EARLY*(STEP))*RATE));if(gt(ld(5),ld(0)),st(0,ld(5));1,0)))")
}

// secondsOf is time.Duration.Seconds, which adds whole seconds and nanoseconds.
func secondsOf(micros string) string {
	return strings.ReplaceAll("(floor(T/1000000)+(T-1000000*floor(T/1000000))*1000/1000000000)", "T", micros)
}
