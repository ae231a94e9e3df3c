package policy

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cedar-policy/cedar-go"

	"polity/access"
	"polity/city"
)

// closed lists the types whose entities are a closed list, which Cedar's validator does
// not hold policies to: a role that nobody has would be a permit that never works, or,
// worse, a forbid.
var closed = map[string][]string{
	"City":    {"city"},
	"Public":  {"public"},
	"Role":    texts(access.Roles()),
	"Service": texts(access.Desks()),
}

func texts[T access.Role | city.Slug](list []T) []string {
	var all []string
	for _, v := range list {
		all = append(all, string(v))
	}
	return all
}

// names says which name in a policy is of nothing. It reads Cedar's JSON form, where
// every entity is an object of type and id.
func names(p *cedar.Policy) error {
	data, err := p.MarshalJSON()
	if err != nil {
		return err
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return err
	}
	return walkNames(tree)
}

func walkNames(node any) error {
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			if err := walkNames(v); err != nil {
				return err
			}
		}
	case map[string]any:
		kind, isText := n["type"].(string)
		id, named := n["id"].(string)
		if list, ok := closed[kind]; ok && isText && named && !slices.Contains(list, id) {
			return fmt.Errorf("there is no %s::%q; there are %q", kind, id, list)
		}
		for _, v := range n {
			if err := walkNames(v); err != nil {
				return err
			}
		}
	}
	return nil
}
