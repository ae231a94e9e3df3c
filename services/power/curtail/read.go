package curtail

import (
	"strings"

	"polity/city"
	"polity/internal/strictyaml"
	"polity/services/power/grid"
)

// ReadRules reads rules from a YAML file's text. Loads and generators are named as the
// network names them.
func ReadRules(name string, text []byte, net *grid.Network) ([]Rule, error) {
	var file struct {
		Rules []struct {
			Name       string   `yaml:"name"`
			Register   string   `yaml:"register"`
			Loads      []string `yaml:"loads"`
			Generators []string `yaml:"generators"`
			Least      *float64 `yaml:"least"`
		} `yaml:"rules"`
	}
	if err := strictyaml.Decode(name, text, &file); err != nil {
		return nil, err
	}
	if len(file.Rules) == 0 {
		return nil, city.Errorf(city.Invalid, "%s: no rules", name)
	}
	loads, generators := map[string]int{}, map[string]int{}
	for i := range net.Loads {
		loads[strings.ToLower(net.Loads[i].Name)] = i
	}
	for i := range net.Generators {
		generators[strings.ToLower(net.Generators[i].Name)] = i
	}
	var out []Rule
	for _, f := range file.Rules {
		if f.Least == nil {
			return nil, city.Errorf(city.Invalid, "%s: rule %q does not say what part stays at least (least: 0 to 1)", name, f.Name)
		}
		r := Rule{Name: f.Name, Register: f.Register, Least: *f.Least}
		var err error
		if r.Loads, err = indices(f.Loads, loads); err == nil {
			r.Generators, err = indices(f.Generators, generators)
		}
		if err == nil {
			err = r.check(net)
		}
		if err != nil {
			return nil, city.Errorf(city.KindOf(err), "%s: rule %q: %w", name, f.Name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

func indices(names []string, known map[string]int) ([]int, error) {
	var out []int
	seen := map[int]bool{}
	for _, n := range names {
		i, ok := known[strings.ToLower(n)]
		switch {
		case !ok:
			return nil, city.Errorf(city.NotFound, "the network has no %s", n)
		case seen[i]:
			return nil, city.Errorf(city.Invalid, "%s stands in it twice", n)
		}
		seen[i] = true
		out = append(out, i)
	}
	return out, nil
}
