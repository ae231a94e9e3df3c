package entry

import (
	"reflect"
	"slices"
	"strings"

	"polity/city"
	"polity/ledger/canonical"
	"polity/ledger/roster"
)

// Check reports the first member that does not hold what it may hold. The error is of
// kind Invalid, and names the member without repeating what stands in it: that may be
// somebody's name.
func Check(e Entry) error {
	if err := check(rules[e.of()], reflect.ValueOf(e).Elem(), e.of()); err != nil {
		return city.Errorf(city.Invalid, "entry %s: %w", e.of(), err)
	}
	if c, ok := e.(interface{ fits() error }); ok {
		if err := c.fits(); err != nil {
			return city.Errorf(city.Invalid, "entry %s: %w", e.of(), err)
		}
	}
	return nil
}

func check(list []rule, v reflect.Value, t Type) error {
	for i := range list {
		r := &list[i]
		f := v.Field(r.index)
		if r.optional && f.IsZero() {
			continue
		}
		if err := r.check(f, t); err != nil {
			return city.Errorf(city.Invalid, "%s: %w", r.path, err)
		}
	}
	return nil
}

func (r *rule) check(f reflect.Value, t Type) error {
	switch r.kind {
	case "type":
		if f.String() != string(t) {
			return city.Errorf(city.Invalid, "it must be %s", t)
		}
	case "v":
		if f.Int() != 1 {
			return city.Errorf(city.Invalid, "it is %d; this version reads 1", f.Int())
		}
	case "word":
		if !slices.Contains(r.words, f.String()) {
			return city.Errorf(city.Invalid, "it must be one of %s", strings.Join(r.words, ", "))
		}
	case "name":
		return checkName(city.Slug(f.String()))
	case "names":
		return r.checkNames(f)
	case "number":
		if n := f.Int(); n < r.min || n > r.max {
			return city.Errorf(city.Invalid, "it is %d; %d to %d are allowed", n, r.min, r.max)
		}
	case "bytes":
		if n := int64(f.Len()); n < r.min || n > r.max {
			return city.Errorf(city.Invalid, "it has %d bytes; %d to %d are allowed", n, r.min, r.max)
		}
	case "hash":
	case "members":
		if r.pointer {
			if f.IsNil() {
				return city.Errorf(city.Invalid, "it is missing")
			}
			f = f.Elem()
		}
		return check(r.members, f, t)
	default:
		return r.checkText(f.String())
	}
	return nil
}

func (r *rule) checkText(s string) error {
	switch r.kind {
	case "time":
		return canonical.Time(s).Check()
	case "day":
		return canonical.Day(s).Check()
	case "week":
		return canonical.Week(s).Check()
	case "reference":
		return Reference(s).Check()
	case "version":
		return Version(s).Check()
	case "domain":
		return checkDomain(s)
	}
	return city.Errorf(city.Invalid, "it is of no kind that an entry may hold")
}

func (r *rule) checkNames(f reflect.Value) error {
	if n := int64(f.Len()); n < 1 || n > r.max {
		return city.Errorf(city.Invalid, "%d names; 1 to %d are allowed", n, r.max)
	}
	before := ""
	for i := range f.Len() {
		s := f.Index(i).String()
		if err := checkName(city.Slug(s)); err != nil {
			return err
		}
		if s <= before {
			return city.Errorf(city.Invalid, "its names must rise, each once")
		}
		before = s
	}
	return nil
}

func (e *Registration) fits() error {
	if !e.From.Time().Before(e.Until.Time()) {
		return city.Errorf(city.Invalid, "until is not after from")
	}
	return nil
}

func (e *Roster) fits() error {
	s, err := roster.First(e.Roster)
	switch {
	case err != nil:
		return err
	case int64(s.Version) != e.Version:
		return city.Errorf(city.Invalid, "version is %d, the roster's is %d", e.Version, s.Version)
	}
	return nil
}

func (e *Segments) fits() error {
	if !strings.HasSuffix(string(e.Hour), ":00:00Z") {
		return city.Errorf(city.Invalid, "hour is not the beginning of an hour")
	}
	return nil
}

// mostDays is how long details of a release may stay closed.
const mostDays = 366

func (e *ReleaseRequested) fits() error {
	if e.DetailsPublicOn.Time().After(e.Expires.Time().AddDate(0, 0, mostDays)) {
		return city.Errorf(city.Invalid, "details_public_on is more than %d days after expires", mostDays)
	}
	return nil
}

func (e *ReleaseDetails) fits() error {
	opened := len(e.Cameras) > 0 && e.Case != "" && e.From != "" && e.Order != "" && e.Salts != nil && e.To != "" && e.PublicOn == ""
	closed := len(e.Cameras) == 0 && e.Case == "" && e.From == "" && e.Order == "" && e.Salts == nil && e.To == "" && e.PublicOn != ""
	switch {
	case e.What == "published" && !opened:
		return city.Errorf(city.Invalid, "published details have cameras, case, from, order, salts and to, and no public_on")
	case e.What == "extended" && !closed:
		return city.Errorf(city.Invalid, "an extension has public_on and none of the details")
	case opened && !e.From.Time().Before(e.To.Time()):
		return city.Errorf(city.Invalid, "to is not after from")
	}
	return nil
}

func (e *Looks) fits() error {
	if (e.Count == nil) == (e.Day == nil) {
		return city.Errorf(city.Invalid, "it has either count or day")
	}
	return nil
}

func (e *Audit) fits() error {
	if e.Wrong > e.Checked {
		return city.Errorf(city.Invalid, "wrong is more than checked")
	}
	return nil
}
