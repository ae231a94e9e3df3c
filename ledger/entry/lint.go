package entry

import (
	"reflect"
	"strings"

	"polity/city"
)

// Kind of register that a name must be in.
type Kind string

// The registers of names: of cameras, edges, services, the two bodies and offices
// (owner), offices alone, devices, classes of retention, purposes of looks. A thing is a
// camera or a service.
const (
	Camera  Kind = "camera"
	Edge    Kind = "edge"
	Service Kind = "service"
	Owner   Kind = "owner"
	Office  Kind = "office"
	Device  Kind = "device"
	Class   Kind = "class"
	Purpose Kind = "purpose"
	Thing   Kind = "thing"
)

// Named is a name that stands in an entry.
type Named struct {
	Kind Kind
	Name city.Slug
}

// Names are the names that stand in an entry, each of which must be registered
// somewhere before it may enter the log.
func Names(e Entry) []Named { return names(rules[e.of()], reflect.ValueOf(e).Elem()) }

func names(list []rule, v reflect.Value) (found []Named) {
	for i := range list {
		r := &list[i]
		f := v.Field(r.index)
		switch {
		case r.kind == "name" && f.String() != "":
			found = append(found, Named{Kind(r.register), city.Slug(f.String())})
		case r.kind == "names":
			for i := range f.Len() {
				found = append(found, Named{Kind(r.register), city.Slug(f.Index(i).String())})
			}
		case r.kind == "members" && !(r.pointer && f.IsNil()):
			if r.pointer {
				f = f.Elem()
			}
			found = append(found, names(r.members, f)...)
		}
	}
	return found
}

// checkName refuses a name that may be that of a person, a vehicle or a place of
// someone. It does not repeat it.
func checkName(s city.Slug) error {
	switch {
	case s.Check() != nil:
		return city.Errorf(city.Invalid, "no name: 1 to 48 of a-z, 0-9 and single hyphens, beginning with a letter")
	case digits(string(s), 5) > 0:
		return city.Errorf(city.Invalid, "five digits in a row may be somebody's number; use another name")
	case digits(string(s), 4) > 1:
		return city.Errorf(city.Invalid, "it looks like a position; use another name")
	case plate(string(s)):
		return city.Errorf(city.Invalid, "it looks like a vehicle's plate; use another name")
	}
	return nil
}

// digits counts runs of at least n digits.
func digits(s string, n int) (runs int) {
	run := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] >= '0' && s[i] <= '9' {
			run++
			continue
		}
		if run >= n {
			runs++
		}
		run = 0
	}
	return runs
}

// plate says whether a name is two or three letters and three digits, or one to three
// letters, one or two letters, and two to four digits.
func plate(s string) bool {
	number := len(s) - len(strings.TrimRight(s, "0123456789"))
	letters := strings.Split(strings.Trim(s[:len(s)-number], "-"), "-")
	switch len(letters) {
	case 1:
		return number == 3 && len(letters[0]) >= 2 && len(letters[0]) <= 3 && alphabetic(letters[0])
	case 2:
		return number >= 2 && number <= 4 && len(letters[0]) <= 3 && len(letters[1]) <= 2 && alphabetic(letters[0]) && alphabetic(letters[1])
	}
	return false
}

func alphabetic(s string) bool { return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == "" }

// Check reports text that is no reference. The error is of kind Invalid.
func (r Reference) Check() error {
	wrong := city.Errorf(city.Invalid, "a reference is written HEL 2026-012345: capital letters, a space, the year, - or /, digits")
	office, rest, ok := strings.Cut(string(r), " ")
	if !ok || len(office) < 1 || len(office) > 8 || strings.Trim(office, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || len(rest) < 6 || len(rest) > 13 {
		return wrong
	}
	year, sign, number := rest[:4], rest[4], rest[5:]
	if !numeric(year) || (year[:2] != "19" && year[:2] != "20") || (sign != '-' && sign != '/') || !numeric(number) {
		return wrong
	}
	return nil
}

// Check reports text that is no version. The error is of kind Invalid.
func (v Version) Check() error {
	parts := strings.Split(strings.TrimPrefix(string(v), "v"), ".")
	if !strings.HasPrefix(string(v), "v") || len(parts) != 3 {
		return city.Errorf(city.Invalid, "a version is written v1.2.3")
	}
	for _, p := range parts {
		if !numeric(p) || len(p) > 6 || (len(p) > 1 && p[0] == '0') {
			return city.Errorf(city.Invalid, "a version is written v1.2.3")
		}
	}
	return nil
}

func numeric(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func checkDomain(s string) error {
	labels := strings.Split(s, ".")
	if len(s) > 120 || len(labels) < 2 {
		return city.Errorf(city.Invalid, "it is no DNS name")
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return city.Errorf(city.Invalid, "it is no DNS name")
		}
	}
	return nil
}
