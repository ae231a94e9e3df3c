package look

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"polity/city"
)

// Report is what Verify found in order.
type Report struct {
	Days, Looks int      // that are published
	First, Last string   // of those days; empty: none
	Compared    int      // days whose details were compared with what was published
	Removed     int      // days whose details are not kept any more
	Quiet       int      // days on which nothing was written
	Open        string   // the day that goes on, whose details follow but are not published; empty: none
	Beside      []string // what crashes left behind: lines that were not written to their end
}

// Verify checks a chain of counts, or given a folder, a whole book. Earlier is a copy of
// the chain from before, which must still be there; nil: there is none. The first thing
// that is wrong is the error, with where it is; the report then holds what came before.
func Verify(path string, earlier []byte) (Report, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Report{}, city.Errorf(city.NotFound, "there is no book of looks: %w", err)
	}
	v := &verifier{}
	file := path
	if info.IsDir() {
		file = filepath.Join(path, chainName)
		v.dir = path
	}
	data, err := os.ReadFile(file)
	if err != nil && (v.dir == "" || !errors.Is(err, os.ErrNotExist)) {
		return Report{}, err
	}
	if err := v.verifyChain(data, earlier); err != nil {
		return v.report, fmt.Errorf("%s: %w", file, err)
	}
	if v.dir != "" {
		err = v.verifyDetails()
	}
	return v.report, err
}

type verifier struct {
	dir    string
	chain  chain
	report Report
	gone   []removed
}

func (v *verifier) verifyChain(data, earlier []byte) error {
	err := v.chain.read(data)
	for _, d := range v.chain.days {
		v.report.Days++
		v.report.Looks += d.Looks
	}
	if n := len(v.chain.days); n > 0 {
		v.report.First, v.report.Last = v.chain.days[0].Day.Day, v.chain.days[n-1].Day.Day
	}
	switch {
	case err != nil:
		return err
	case len(v.chain.open) > 0:
		return fmt.Errorf("it ends in counts of %s that no line closes: it was cut, or is being written; try again", v.chain.open[0].Day)
	case len(data) == 0 && v.dir == "":
		return errors.New("it is empty")
	case !bytes.HasPrefix(data, earlier):
		return errors.New("it does not begin with what the earlier copy holds: the past was written anew, or one of the two is not of this book")
	}
	return nil
}

func (v *verifier) verifyDetails() error {
	days, err := daysIn(v.dir)
	if err != nil {
		return err
	}
	if v.report.Beside, err = filepath.Glob(filepath.Join(v.dir, "*.cut-*")); err == nil {
		var more []string
		more, err = filepath.Glob(filepath.Join(detailsDir(v.dir), "*.cut-*"))
		v.report.Beside = append(v.report.Beside, more...)
	}
	if err != nil {
		return err
	}
	lost := "" // the last day whose details are not there
	for i, p := range v.chain.days {
		there := slices.Contains(days, p.Day.Day)
		head, since := v.chain.before(i)
		switch {
		case !there && p.Head == head:
			if err := quiet(&p); err != nil {
				return err
			}
			v.report.Quiet++
		case !there && v.report.Compared > 0:
			return fmt.Errorf("details of %s are missing, and older ones are there", p.Day.Day)
		case !there:
			lost = p.Day.Day
			v.report.Removed++
		default:
			if err := v.compare(&p, head, since); err != nil {
				return err
			}
		}
	}
	if err := v.verifyOpen(days); err != nil {
		return err
	}
	if lost != "" && !slices.ContainsFunc(v.gone, func(r removed) bool { return r.Day == lost }) {
		return fmt.Errorf("details up to %s are missing, and no line says that they were removed", lost)
	}
	for _, r := range v.gone {
		if p, ok := v.chain.day(r.Day); !ok || p.Head != r.Head {
			return fmt.Errorf("a line says that details of %s were removed, but not those that were published", r.Day)
		}
	}
	return nil
}

// quiet checks a day without a line of details.
func quiet(p *Published) error {
	if p.Looks != 0 || p.Root != root(nil) {
		return fmt.Errorf("%d looks of %s are published, and no line of details was written that day", p.Looks, p.Day.Day)
	}
	return nil
}

// compare checks a day's details against what was published of it.
func (v *verifier) compare(p *Published, head Hash, since time.Time) error {
	day := p.Day.Day
	d, err := readDetails(v.dir, day, head, since)
	if err != nil {
		return err
	}
	if d.head != p.Head || d.at.After(p.Until.Time) {
		return fmt.Errorf("details of %s are not those that were published: lines at their end were changed, dropped or added", day)
	}
	counts, root, err := d.sums()
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", day, err)
	case root != p.Root:
		return fmt.Errorf("the looks of %s are not those that its root stands for", day)
	case !slices.Equal(counts, p.Of):
		return fmt.Errorf("the counts of %s that were published are not those of its looks", day)
	}
	v.gone = append(v.gone, d.gone...)
	v.report.Compared++
	return nil
}

// verifyOpen checks the details of the day that goes on.
func (v *verifier) verifyOpen(days []string) error {
	var d *details
	for _, day := range days {
		if _, ok := v.chain.day(day); ok {
			continue
		}
		head, since := v.chain.before(len(v.chain.days))
		last, ok := v.chain.last()
		if d != nil || (ok && day != next(last.Day, 1)) {
			return fmt.Errorf("details of %s are there, and nothing was published of the days before; if the hub is running, try again", day)
		}
		var err error
		if d, err = readDetails(v.dir, day, head, since); err != nil {
			return fmt.Errorf("%w (this day goes on; if the hub is running, try again)", err)
		}
		v.report.Open = day
		v.gone = append(v.gone, d.gone...)
	}
	return nil
}
