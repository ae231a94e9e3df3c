package account

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"polity/access"
	"polity/city"
)

// Rights are what somebody is given: the policies say what it comes to.
type Rights struct {
	Body    city.Slug     `json:"body"` // one of Config.Bodies
	Roles   []access.Role `json:"roles"`
	Areas   []city.Slug   `json:"areas"` // where a role that looks may look
	Cameras []city.Slug   `json:"cameras"`
}

// most bounds each list of rights.
const most = 200

// apart lists roles that do not go together with IT: whoever administers does not see, and
// is not the one who checks.
var apart = []access.Role{access.SafetyOperator, access.EvidenceOfficer, access.DataProtection, access.Auditor}

// open lists roles that one administrator gives alone.
var open = []access.Role{access.TrafficOperator, access.WasteOperator, access.WaterOperator, access.PowerOperator, access.Crew}

// check puts the lists in order and says what is wrong with them. Errors are of kind
// Invalid.
func (r *Rights) check(bodies []Body) error {
	if !slices.ContainsFunc(bodies, func(b Body) bool { return b.Name == r.Body }) {
		return city.Errorf(city.Invalid, "%q is no body of this city: name one of the list", r.Body)
	}
	if len(r.Roles) > most || len(r.Areas) > most || len(r.Cameras) > most {
		return city.Errorf(city.Invalid, "more than %d roles, areas or cameras", most)
	}
	r.Roles, r.Areas, r.Cameras = ordered(r.Roles), ordered(r.Areas), ordered(r.Cameras)
	for _, role := range r.Roles {
		if !role.Known() {
			return city.Errorf(city.Invalid, "%q is no role", role)
		}
	}
	for _, name := range slices.Concat(r.Areas, r.Cameras) {
		if err := name.Check(); err != nil {
			return err
		}
	}
	return r.together()
}

// together refuses what one person cannot be at once.
func (r *Rights) together() error {
	if !slices.Contains(r.Roles, access.IT) {
		return nil
	}
	for _, role := range r.Roles {
		if slices.Contains(apart, role) {
			return city.Errorf(city.Invalid, "the roles %s and %s do not go together: whoever administers does not see and does not check; give them to two people", access.IT, role)
		}
	}
	if len(r.Areas)+len(r.Cameras) > 0 {
		return city.Errorf(city.Invalid, "the role %s goes together with no area and no camera: whoever administers does not see", access.IT)
	}
	return nil
}

// adds reports whether r holds anything guarded that had does not: it takes two people.
func (r *Rights) adds(had *Rights) bool {
	for _, role := range r.Roles {
		if !slices.Contains(open, role) && !slices.Contains(had.Roles, role) {
			return true
		}
	}
	return slices.ContainsFunc(r.Areas, func(a city.Slug) bool { return !slices.Contains(had.Areas, a) }) ||
		slices.ContainsFunc(r.Cameras, func(c city.Slug) bool { return !slices.Contains(had.Cameras, c) })
}

// only reports whether a role is all that r gives.
func (r *Rights) only(role access.Role) bool {
	return len(r.Roles) == 1 && r.Roles[0] == role && len(r.Areas)+len(r.Cameras) == 0
}

func (r *Rights) has(roles ...access.Role) bool {
	return slices.ContainsFunc(roles, func(role access.Role) bool { return slices.Contains(r.Roles, role) })
}

func ordered[T ~string](list []T) []T {
	list = slices.Clone(list)
	slices.Sort(list)
	if list = slices.Compact(list); list == nil {
		return []T{}
	}
	return list
}

func (r *Rights) text() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // strings alone
	}
	return string(b)
}

// named is a name as colleagues know somebody, or as a passkey or token is called, in
// order. Errors are of kind Invalid.
func named(text string) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	switch {
	case text == "":
		return "", city.Errorf(city.Invalid, "a name is missing")
	case !utf8.ValidString(text) || utf8.RuneCountInString(text) > 80:
		return "", city.Errorf(city.Invalid, "a name has 80 characters at most")
	case strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "", city.Errorf(city.Invalid, "a name holds characters that cannot be seen")
	}
	return text, nil
}
